import { expect } from 'chai';
import { pino } from 'pino';
import { sayAsJson } from '../../src/serve/say-as-json.ts';

describe('lines of the start as JSON', () => {
  const told = (line: string): Record<string, unknown> => {
    let text = '';
    const logger = pino({ base: null }, { write: (chunk: string) => (text += chunk) });
    sayAsJson(logger)(line);
    expect(text.match(/\n/g)).to.have.lengthOf(1);
    const { level: _, time: __, ...rest } = JSON.parse(text);
    return rest;
  };

  it('say what they are about', () => {
    expect(told('  event store  server (esdb://host:2113)')).to.deep.equal({
      part: 'event store',
      msg: 'server (esdb://host:2113)',
    });
  });

  it('leave out what is to be typed next', () => {
    const line = '  API          http://127.0.0.1:3000\n\nTry next:\n  curl';
    expect(told(line)).to.deep.equal({ part: 'API', msg: 'http://127.0.0.1:3000' });
  });

  it('are plain sentences else', () => {
    expect(told('Stopping (SIGTERM) …')).to.deep.equal({ msg: 'Stopping (SIGTERM) …' });
  });
});
