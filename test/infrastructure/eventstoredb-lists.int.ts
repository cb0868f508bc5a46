import { expect } from 'chai';
import { inLists, LogDiffers, type LogMessage } from '../../src/commands/core/event-store.ts';
import { rejection, stubs } from './support/eventstoredb.ts';
import { checkpoint, confirmation, eventMessage } from './support/eventstoredb-stub.ts';

describe('eventstoredb: subscribe, in lists', () => {
  const against = stubs();

  /** `e7` for an event at 7, `c9` for a checkpoint at 9. */
  const brief = (message: LogMessage): string => {
    if (message.kind === 'event') return `e${message.event.position}`;
    return message.kind === 'checkpoint' ? `c${message.position.commit}` : message.kind;
  };

  it('gives what came before the event at which the log differs, one by one and in lists', async () => {
    const event = (position: number) =>
      eventMessage({ stream: `seat-${position}`, revision: 0, position });
    const { store } = await against({
      read: (call) => {
        for (const message of [confirmation(), event(5), checkpoint(10), event(7)]) {
          call.write(message);
        }
      },
    });
    const options = { after: null, prefixes: ['seat-'], signal: new AbortController().signal };
    const seen: string[] = [];
    const oneByOne = async () => {
      for await (const message of store.subscribe(options)) seen.push(brief(message));
    };
    const listed = async () => {
      for await (const list of inLists(store.subscribe(options))) seen.push(...list.map(brief));
    };
    for (const read of [oneByOne, listed]) {
      expect(await rejection(read())).to.be.instanceOf(LogDiffers);
      expect(seen.splice(0)).to.deep.equal(['e5', 'c10']);
    }
  });
});
