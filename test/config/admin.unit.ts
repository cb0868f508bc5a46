import { expect } from 'chai';
import { ConfigError, readConfig } from '../../src/config.ts';

describe('the admin port', () => {
  const portOf = (env: Record<string, string>) => readConfig(env).adminPort;

  it('is the one after the API’s, a free one beside a free one, what is set, or none', () => {
    expect(portOf({})).to.equal(3_001);
    expect(portOf({ PORT: '8080' })).to.equal(8_081);
    expect(portOf({ PORT: '0' })).to.equal(0);
    expect(portOf({ PORT: '65535' })).to.equal(0);
    expect(portOf({ ADMIN_PORT: '9000' })).to.equal(9_000);
    expect(portOf({ ADMIN_PORT: 'off' })).to.equal(undefined);
  });

  it('is refused when it is the API’s', () => {
    expect(() => portOf({ ADMIN_PORT: '3000' })).to.throw('ADMIN_PORT is the same as PORT');
    expect(() => portOf({ PORT: '0', ADMIN_PORT: '0' })).not.to.throw();
  });

  it('is refused in words when it is neither', () => {
    for (const wrong of ['on', '65536', '-1']) {
      expect(() => portOf({ ADMIN_PORT: wrong }))
        .to.throw(ConfigError)
        .with.property('message')
        .that.includes('ADMIN_PORT must be off or a whole number from 0 to 65535');
    }
  });
});
