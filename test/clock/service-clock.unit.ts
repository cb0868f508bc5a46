import { expect } from 'chai';
import { clockLimits } from '../../src/clock/clock-limits.ts';
import { ServiceClock } from '../../src/clock/service-clock.ts';

const hour = 3_600_000;
const holdMs = 300_000;
/** When this process's monotonic clock is 0. */
const begin = Date.UTC(2027, 0, 1);

/** A clock whose time, servers and machine a test moves. */
class Script {
  /** By the monotonic clock, which no step moves. */
  ms = 1_000;
  /** How far each clock is ahead of the right time. */
  readonly ahead: Record<string, number>;
  wallAhead = 0;
  /** How long an answer takes. */
  tripMs = 2;
  readonly silent = new Set<string>();
  readonly told: (string | undefined)[] = [];
  readonly clock: ServiceClock;

  constructor(ahead: Record<string, number> = { PostgreSQL: 0, 'the event store': 0 }) {
    this.ahead = ahead;
    this.clock = new ServiceClock({
      sources: Object.keys(ahead).map((name) => ({
        name,
        ask: async () => {
          if (this.silent.has(name)) return undefined;
          const serverMs = this.right + (this.ahead[name] ?? 0);
          return { serverMs, fromMs: this.ms - this.tripMs / 2, toMs: this.ms + this.tripMs / 2 };
        },
      })),
      holdMs,
      tell: (detail) => this.told.push(detail),
      monotonic: () => this.ms,
      wall: () => this.right + this.wallAhead,
    });
  }

  get right(): number {
    return begin + this.ms;
  }

  /** How far the service's time, and the earliest that it may be, are ahead of the right time. */
  get error(): readonly [number, number] {
    return [this.clock.now() - this.right, this.clock.earliest() - this.right];
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.ms + ms; this.ms < end; ) {
      const before = [this.clock.now(), this.clock.earliest()] as const;
      this.ms = Math.min(end, this.ms + clockLimits.measureMs);
      await this.clock.measure();
      expect(this.clock.now(), 'now').to.be.at.least(before[0]);
      expect(this.clock.earliest(), 'earliest').to.be.at.most(this.clock.now());
    }
  }
}

async function started(script: Script): Promise<Script> {
  await script.clock.start();
  return script;
}

describe('the time of the service', () => {
  it('is the servers’, whatever this machine’s clock says, and says how far that is off', async () => {
    const script = new Script();
    script.wallAhead = 120_000;
    await started(script);
    expect(script.error).to.deep.equal([0, 0]);
    const { state, skewSeconds, detail } = script.clock.status();
    expect([state, skewSeconds]).to.deep.equal(['agrees', 120]);
    expect(detail).to.match(/this machine’s clock is 120.0 s ahead of the servers’/);
    await script.pass(60_000);
    expect(script.told, 'told once').to.have.lengthOf(1);
    script.wallAhead = 0;
    await script.pass(clockLimits.measureMs);
    expect(script.told.at(-1)).to.equal(undefined);
  });

  for (const step of [hour, -hour]) {
    it(`does not step with this machine’s clock (${step / hour} h)`, async () => {
      const script = await started(new Script());
      script.wallAhead = step;
      expect(script.error).to.deep.equal([0, 0]);
      await script.pass(hour);
      expect(script.error).to.deep.equal([0, 0]);
      expect(script.clock.status()).to.include({ state: 'agrees', skewSeconds: step / 1_000 });
      expect(script.told).to.have.lengthOf(1);
    });

    for (const server of ['PostgreSQL', 'the event store']) {
      it(`does not step with ${server} alone (${step / hour} h), and says which it is`, async () => {
        const script = await started(new Script());
        script.ahead[server] = step;
        await script.pass(2 * holdMs);
        expect(script.error).to.deep.equal([0, 0]);
        expect(script.clock.status().state).to.equal('contradicted');
        expect(script.told).to.have.lengthOf(1);
        expect(script.told[0]).to.contain(`${server} says that it is 3600.0 s`);
        script.ahead[server] = 0;
        await script.pass(clockLimits.measureMs);
        expect(script.clock.status()).to.deep.equal({ state: 'agrees', skewSeconds: 0 });
      });
    }
  }

  it('takes a step of all servers for what is written, and ends holds of before by the time of before', async () => {
    const script = await started(new Script());
    const expiresAt = script.clock.now() + holdMs;
    for (const server of Object.keys(script.ahead)) script.ahead[server] = hour;
    await script.pass(2 * clockLimits.measureMs);
    expect(script.error).to.deep.equal([hour, 0]);
    const later = script.clock.now() + holdMs;
    const beganMs = script.ms;
    await script.pass(holdMs - 2 * clockLimits.measureMs - 1);
    expect(script.clock.earliest(), 'one of before is good still').to.be.below(expiresAt);
    script.ms += 1;
    expect(script.clock.earliest(), 'and over on time').to.equal(expiresAt);
    await script.pass(holdMs);
    expect(script.error).to.deep.equal([hour, hour]);
    expect(script.ms - beganMs).to.be.above(holdMs);
    expect(script.clock.earliest()).to.be.at.least(later);
  });

  it('believes one odd answer of all servers as little', async () => {
    const script = await started(new Script({ PostgreSQL: 0 }));
    script.ahead.PostgreSQL = hour;
    await script.pass(clockLimits.measureMs);
    expect(script.error).to.deep.equal([0, 0]);
    expect(script.clock.status().state).to.equal('differs');
    script.ahead.PostgreSQL = 0;
    await script.pass(clockLimits.measureMs);
    expect(script.error).to.deep.equal([0, 0]);
  });

  it('goes a little slower when all servers are put back, and never back itself', async () => {
    const script = await started(new Script());
    for (const server of Object.keys(script.ahead)) script.ahead[server] = -hour;
    await script.pass(holdMs);
    const [error, earliest] = script.error;
    expect(error)
      .to.equal(earliest)
      .and.to.be.within(-holdMs / 50, 0);
    expect(script.clock.status().state).to.equal('differs');
    expect(script.told[0]).to.contain('PostgreSQL says that it is 3600.0 s earlier');
  });

  it('does not take the word of one server, when another said something else a while ago', async () => {
    const script = await started(new Script());
    script.silent.add('the event store');
    await script.pass(clockLimits.freshMs + clockLimits.measureMs);
    script.ahead.PostgreSQL = hour;
    await script.pass(holdMs);
    expect(script.error).to.deep.equal([0, 0]);
    expect(script.clock.status().state).to.equal('differs');
  });

  it('makes good what two crystals differ by, and follows no jitter', async () => {
    const script = await started(new Script());
    script.tripMs = 100;
    for (let n = 0; n < 100; n += 1) {
      script.ahead.PostgreSQL = n % 2 === 0 ? 40 : -40;
      await script.pass(clockLimits.measureMs);
    }
    expect(script.error).to.deep.equal([0, 0]);
    script.tripMs = 2;
    script.ahead.PostgreSQL = 500;
    script.ahead['the event store'] = 500;
    await script.pass(2 * clockLimits.measureMs);
    expect(script.error[0], 'a hundredth of the time passed').to.be.within(40, 60);
    await script.pass(100_000);
    expect(script.error[0]).to.be.within(498, 501);
  });

  it('comes near to servers that agree with each other, though one is a little too far from it', async () => {
    const script = await started(new Script());
    Object.assign(script.ahead, { PostgreSQL: 1_900, 'the event store': 2_100 });
    await script.pass(clockLimits.measureMs);
    expect(script.clock.status().state).to.equal('agrees');
    await script.pass(200_000);
    expect(script.error[0]).to.be.within(1_898, 1_901);
    expect(script.told).to.have.lengthOf(0);
  });

  it('ends nothing early when the servers contradict each other from the start', async () => {
    const script = await started(new Script({ PostgreSQL: hour, Redis: 0 }));
    expect(script.clock.status().state).to.equal('contradicted');
    expect(script.error).to.deep.equal([hour, 1]);
    script.ahead.Redis = hour;
    await script.pass(clockLimits.measureMs);
    expect(script.error).to.deep.equal([hour, hour]);
  });

  it('goes on when no server says the time, and says so', async () => {
    const script = await started(new Script());
    script.silent.add('PostgreSQL').add('the event store');
    await script.pass(clockLimits.freshMs + clockLimits.measureMs);
    expect(script.clock.status().state).to.equal('unknown');
    expect(script.error).to.deep.equal([0, 0]);
    expect(script.told).to.have.lengthOf(1);
  });

  it('does not start where no server says the time', async () => {
    const script = new Script();
    script.silent.add('PostgreSQL').add('the event store');
    const failed = await script.clock.start().catch((error: Error) => error.message);
    expect(failed).to.equal('no server says what the time is');
  });
});
