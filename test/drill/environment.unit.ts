import { expect } from 'chai';
import { alarmSettings } from '../../src/alarm/alarm-options.ts';
import { settings } from '../../src/config/settings.ts';
import { serviceEnvironment } from '../../src/drill/environment.ts';

describe('the environment of a drill', () => {
  const names = [...Object.keys(settings), ...Object.keys(alarmSettings)];
  const before = { ...process.env };
  beforeEach(() => {
    for (const name of names) process.env[name] = 'from outside';
    process.env.REPRISE_TEST_KEPT = 'yes';
  });
  afterEach(() => {
    process.env = { ...before };
  });

  it('has no setting of a service or an alarm from outside, and everything else', () => {
    const env = serviceEnvironment({});
    expect(names.filter((name) => name in env)).to.deep.equal([]);
    expect(env.REPRISE_TEST_KEPT).to.equal('yes');
  });

  it('has the settings that are given', () => {
    expect(serviceEnvironment({ PORT: '0' })).to.include({ PORT: '0' });
  });
});
