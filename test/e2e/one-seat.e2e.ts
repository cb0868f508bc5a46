import { expect } from 'chai';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog } from './support/command-line.ts';
import { Service } from './support/service.ts';

const buyers = 1_000;
const concert = newTag('c');

// Its negative control is in test/commands/one-seat.int.ts: there the expected revision can be
// taken away.
describe('1,000 parallel reservations of one seat over HTTP', function () {
  this.timeout(120_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: String(buyers) });
    await importCatalog(catalogFile(1, concert), { DATA_DIR: service.dataDir });
  });
  after(() => service.remove());

  it('answers one with 200 and 999 with 409, none with 5xx', async () => {
    const users = Array.from({ length: buyers }, (_, i) => `${concert}-u${i + 1}`);
    const tokens = await Promise.all(users.map((user) => service.token(user)));
    const answers = await Promise.all(
      users.map((user, i) =>
        service.reserve(user, tokens[i] ?? '', concert, `${concert}-1`, 'A-1-1'),
      ),
    );
    const counts: Record<string, number> = {};
    for (const { status, body } of answers) {
      const outcome = `${status} ${body.code ?? 'held'}`;
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    expect(counts).to.deep.equal({ '200 held': 1, '409 seat-taken': buyers - 1 });
  });
});
