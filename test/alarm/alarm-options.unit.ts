import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { alarmSettings, readAlarmConfig } from '../../src/alarm/alarm-options.ts';

describe('the settings of the alarm', () => {
  const read = (env: Record<string, string>) => readAlarmConfig(env, ['DiskLow']);

  it('watch the service of this machine, and its admin listener beside it', () => {
    const { targets, everyMs, repeatMs, webhooks } = read({});
    expect(targets).to.deep.equal([
      { url: 'http://127.0.0.1:3000', adminUrl: 'http://127.0.0.1:3001' },
    ]);
    expect([everyMs, repeatMs, webhooks]).to.deep.equal([5_000, 14_400_000, []]);
  });

  it('take several instances, each with its admin listener', () => {
    const { targets } = read({
      ALARM_URLS: 'http://a:80/, http://b:8080',
      ALARM_ADMIN_URLS: 'http://a:9000,http://b:9001/',
    });
    expect(targets).to.deep.equal([
      { url: 'http://a:80', adminUrl: 'http://a:9000' },
      { url: 'http://b:8080', adminUrl: 'http://b:9001' },
    ]);
  });

  it('name all that is wrong at once', () => {
    const wrong = {
      ALARM_URLS: 'one',
      ALARM_ADMIN_URLS: 'http://a,http://b',
      ALARM_EVERY_SECONDS: '0',
      ALARM_OFF: 'DiskLow,Nothing',
    };
    expect(() => read(wrong))
      .to.throw('ALARM_URLS must be a URL like https://host/path')
      .with.property('message')
      .that.includes('ALARM_EVERY_SECONDS must be a whole number from 1 to 60')
      .and.includes('ALARM_OFF names no rule: Nothing');
    expect(() => read({ ALARM_ADMIN_URLS: 'http://a,http://b' })).to.throw(
      'ALARM_ADMIN_URLS has 2 URLs, and ALARM_URLS has 1',
    );
  });

  it('are told by the table in docs/operations.md, word for word', () => {
    const rows = readFileSync('docs/operations.md', 'utf8').match(/^\| `ALARM_.*\|$/gm) ?? [];
    const told = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    const wanted = Object.entries(alarmSettings).map(([name, { about, default: fallback }]) => [
      ...['', `\`${name}\``, about, fallback === '' ? '' : `\`${fallback}\``, ''],
    ]);
    expect(told).to.deep.equal(wanted);
  });
});
