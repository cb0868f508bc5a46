import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { serviceEnvironment } from '../e2e/support/environment.ts';

const example = fileURLToPath(new URL('../../examples/tracing/journey.mjs', import.meta.url));

describe('the example of tracing', function () {
  this.timeout(180_000);

  it('shows one journey from its requests to the read models', async () => {
    const env = serviceEnvironment({ LOG_LEVEL: 'warn' });
    const { stdout } = await promisify(execFile)(process.execPath, [example], { env });
    const lines = stdout.split('\n').map((line) => /^( *)(\w+(?: (?!\d)\w+)?)/.exec(line));
    const tree = lines.map((line) => (line === null ? '' : `${line[1]}${line[2]}`)).join('\n');
    expect(tree, stdout).to.match(
      /^reserveSeat\n {2}command reserve\n {4}append\n {4}projection batch$/m,
    );
    expect(tree, stdout).to.match(/^payReservation\n {2}command pay\n {4}append\n {4}append$/m);
    expect(stdout).to.match(/reprise\.stream=seat-\S+ reprise\.events=1 reprise\.outcome=written/);
  });
});
