import { expect } from 'chai';
import {
  type CommandProgress,
  ProgressMeter,
  type ProgressOptions,
} from '../../src/support/progress-meter.ts';

/** A meter of a command that moves by itself, with what it wrote. */
function started(options: { isTTY?: boolean; columns?: number } & ProgressOptions = {}) {
  const { isTTY = false, columns = 80, ...more } = options;
  let nowMs = 5_000;
  const written: string[] = [];
  const output = { isTTY, columns, write: (text: string) => written.push(text) };
  const meter = new ProgressMeter({ output, lineMs: 2_000, now: () => nowMs, ...more });
  return {
    meter,
    written,
    /** Shows the progress `afterMs` later. */
    show(afterMs: number, progress: Partial<CommandProgress>) {
      nowMs += afterMs;
      meter.show({ doing: 'reading the log', done: 0, unit: 'events', ...progress });
    },
  };
}

const esc = '\u001b';

describe('the progress of a long command, where there is no terminal', () => {
  it('is a plain line now and then, with rate and time left', () => {
    const { show, written } = started();
    show(0, { done: 0, of: 1_000 });
    show(1_000, { done: 100, of: 1_000 });
    expect(written, 'a short command writes none').to.deep.equal([]);
    show(1_000, { done: 200, of: 1_000 });
    show(1_000, { done: 300, of: 1_000 });
    expect(written).to.deep.equal([
      'reading the log:  20 %, 200 of 1000 events, 100/s, 8 s left\n',
    ]);
  });

  it('does without what nobody knows', () => {
    const { show, written } = started();
    show(0, {});
    show(2_000, { done: 50 });
    show(2_000, { done: 50, share: 0.5 });
    expect(written[0]).to.equal('reading the log: 50 events, 25/s\n');
    expect(written[1]).to.match(/^reading the log: {2}50 %, 50 events, \d+\/s, \d+ s left\n$/);
  });

  it('measures anew when the command does something else', () => {
    const { show, written } = started();
    show(0, {});
    show(1_000, { done: 9_000 });
    show(1_000, { doing: 'comparing PostgreSQL', done: 7, unit: 'rows' });
    expect(written).to.deep.equal(['comparing PostgreSQL: 7 rows\n']);
  });

  it('tells a long time in minutes', () => {
    const { show, written } = started();
    show(0, { of: 100_000 });
    show(2_000, { done: 200, of: 100_000 });
    expect(written[0]).to.contain(', 17 min left\n');
  });

  it('writes results as lines of their own', () => {
    const { meter, written } = started();
    meter.line('done');
    meter.clear();
    expect(written).to.deep.equal(['done\n']);
  });

  it('is silent when it has to be, on a terminal too', () => {
    for (const isTTY of [true, false]) {
      const { show, meter, written } = started({ isTTY, isSilent: true });
      show(0, {});
      show(60_000, { done: 9 });
      meter.clear();
      expect(written).to.deep.equal([]);
    }
  });
});

describe('the progress of a long command, on a terminal', () => {
  it('is one line with a bar that is drawn again', () => {
    const { show, written } = started({ isTTY: true });
    show(0, { of: 8 });
    show(100, { done: 1, of: 8 });
    show(100, { done: 4, of: 8 });
    expect(written).to.have.length(2);
    expect(written[0]).to.equal(
      `\rreading the log [${'-'.repeat(20)}]   0 %, 0 of 8 events${esc}[K`,
    );
    expect(written[1]).to.match(
      /^\rreading the log \[#{10}-{10}\] {2}50 %, 4 of 8 events, \d+\/s, 1 s left/,
    );
  });

  it('never passes the terminal’s width, and drops the bar first', () => {
    for (const columns of [20, 40, 60, 200]) {
      const { show, written } = started({ isTTY: true, columns });
      show(0, { done: 123, of: 456_789 });
      const shown = (written[0] ?? '').replace(`${esc}[K`, '').slice(1);
      expect(shown.length).to.be.at.most(columns - 1);
      expect(shown.includes('[')).to.equal(columns >= 60);
    }
  });

  it('is 80 characters wide at most on a terminal that does not know its width', () => {
    const [unknown, usual] = [0, 80].map((columns) => {
      const { show, written } = started({ isTTY: true, columns });
      show(0, { done: 123, of: 456_789 });
      return written;
    });
    expect(unknown).to.deep.equal(usual);
  });

  it('is removed before a line of the result, and drawn again after it', () => {
    const { show, meter, written } = started({ isTTY: true });
    show(0, { done: 1, of: 2 });
    meter.line('a result');
    show(0, { done: 2, of: 2 });
    meter.clear();
    meter.clear();
    expect(written.slice(1, 3)).to.deep.equal([`\r${esc}[K`, 'a result\n']);
    expect(written[3]).to.contain('100 %');
    expect(written.slice(4)).to.deep.equal([`\r${esc}[K`]);
  });
});
