import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { settingList } from '../../src/config/settings.ts';
import { ConfigError, readConfig } from '../../src/config.ts';

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = readConfig({});
    expect(config).to.deep.include({ port: 3000, demo: true, currency: 'KRW', holdMs: 300_000 });
    expect(config.queue).to.include({
      admittedMax: 30,
      admittedMs: 300_000,
      afterPaymentMs: 5_000,
    });
    expect(config.eventStoreUrl).to.equal(undefined);
  });

  it('names every wrong setting at once and never repeats a value', () => {
    const wrong = {
      PORT: 'http',
      DEMO: 'yes',
      POSTGRES_URL: 'mysql://me:secret@host/db',
      HOLD_SECONDS: '0',
    };
    expect(() => readConfig(wrong))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(
        /PORT must be a whole number.*POSTGRES_URL must start with.*DEMO must be.*HOLD_SECONDS/s,
      )
      .and.does.not.match(/secret/);
  });

  it('says what a URL that cannot be one should be like, and takes those of clusters', () => {
    const wrong = {
      REDIS_URL: 'redis://:::',
      EVENTSTORE_URL: 'esdb://',
      POSTGRES_URL: 'postgres://',
    };
    expect(() => readConfig(wrong))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(
        /EVENTSTORE_URL must be a URL like esdb.*POSTGRES_URL must be a URL like postgres.*REDIS_URL must be a URL like redis/s,
      );
    const right = [
      { EVENTSTORE_URL: 'esdb://me:secret@a:2113,b:2113,c:2113?tls=false' },
      { EVENTSTORE_URL: 'esdb+discover://cluster.example' },
      { POSTGRES_URL: 'postgres:///reprise?host=/run/postgresql' },
      { POSTGRES_URL: 'postgresql://me:secret@a:5432,b:5432/reprise' },
      { REDIS_URL: 'redis+cluster://me:secret@a:7000,b:7001' },
      { REDIS_URL: 'rediss://:comma,in,it@localhost' },
    ];
    for (const urls of right) expect(() => readConfig(urls), JSON.stringify(urls)).not.to.throw();
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({ PORT: '', REDIS_URL: '' }).redisUrl).to.equal(undefined);
  });

  it('refuses limits that contradict one another, naming both; a default gives way', () => {
    const both = { HELD_SEATS_MAX: '8', HELD_SEATS_TOTAL_MAX: '4', BOUGHT_SEATS_MAX: '2' };
    expect(() => readConfig(both))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(
        /HELD_SEATS_MAX 8 is more than HELD_SEATS_TOTAL_MAX 4 allows\n.*HELD_SEATS_MAX 8 is more than BOUGHT_SEATS_MAX 2 allows$/,
      );
    const orders = { ORDER_SEATS_MAX: '4', HELD_SEATS_MAX: '3' };
    expect(() => readConfig(orders)).to.throw('ORDER_SEATS_MAX 4 is more than HELD_SEATS_MAX 3');
    for (const one of [{ HELD_SEATS_MAX: '20' }, { BOUGHT_SEATS_MAX: '2' }]) {
      expect(() => readConfig(one)).not.to.throw();
    }
    expect(readConfig({ HELD_SEATS_MAX: '20' })).to.include({ heldSeatsTotalMax: 40 });
  });

  it('refuses workers without Redis in one sentence that names both, and too many workers', () => {
    expect(readConfig({}).workers).to.equal(1);
    expect(readConfig({ WORKERS: '2', REDIS_URL: 'redis://localhost' }).workers).to.equal(2);
    expect(() => readConfig({ WORKERS: '2' }))
      .to.throw(ConfigError)
      .with.property('message')
      .that.matches(/\n {2}WORKERS above 1 needs REDIS_URL: [^\n]+$/);
    const many = { WORKERS: '17', REDIS_URL: 'redis://localhost' };
    expect(() => readConfig(many)).to.throw('WORKERS must be a whole number from 1 to 16');
  });

  it('refuses times of the queue that contradict one another, set or not, naming both', () => {
    const wrong: readonly (readonly [Record<string, string>, string])[] = [
      [
        { QUEUE_WAITING_SECONDS: '1' },
        'twice QUEUE_PAUSE_SECONDS (40) is more than QUEUE_WAITING_SECONDS (1)',
      ],
      [
        { QUEUE_ADMITTED_SECONDS: '10' },
        'QUEUE_CLAIM_SECONDS (30) is more than QUEUE_ADMITTED_SECONDS (10)',
      ],
      [
        { QUEUE_PLACE_MAX_SECONDS: '60' },
        'QUEUE_ADMITTED_SECONDS (300) is more than QUEUE_PLACE_MAX_SECONDS (60)',
      ],
      [
        { QUEUE_AFTER_PAYMENT_SECONDS: '301' },
        'QUEUE_AFTER_PAYMENT_SECONDS (301) is more than QUEUE_ADMITTED_SECONDS (300)',
      ],
    ];
    for (const [env, words] of wrong) {
      expect(() => readConfig(env), JSON.stringify(env))
        .to.throw(ConfigError)
        .with.property('message')
        .that.includes(words);
    }
    expect(() =>
      readConfig({ QUEUE_WAITING_SECONDS: '4', QUEUE_PAUSE_SECONDS: '2' }),
    ).not.to.throw();
  });

  it('is told by the README’s table, word for word', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const table = /<!-- settings -->(.*)<!-- \/settings -->/s.exec(readme)?.[1] ?? '';
    const told = table
      .trim()
      .split('\n')
      .slice(2)
      .map((row) => row.replaceAll(/ +/g, ' '));
    expect(told).to.deep.equal(
      settingList.map(({ name, about, default: fallback }) =>
        `| \`${name}\` | ${about} | ${fallback && `\`${fallback}\``} |`.replaceAll(/ +/g, ' '),
      ),
    );
  });
});
