import { eventually } from '../support/eventually.ts';
import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';

/** Longest wait until a killed server has a new process, in milliseconds. */
const lookMs = 50;
const anotherMsMax = 40_000;

async function killServer(
  { site, act, fault, over }: Hands,
  server: Parameters<typeof site.pidOf>[0],
): Promise<void> {
  const pid = await site.pidOf(server);
  fault();
  await act(`SIGKILL of the ${server}`, () => {
    process.kill(pid, 'SIGKILL');
  });
  over();
  await act(`another ${server} runs`, async () => {
    const endMs = Date.now() + anotherMsMax;
    while ((await site.pidOf(server).catch(() => pid)) === pid) {
      if (Date.now() > endMs) throw new Error(`no other ${server} within ${anotherMsMax} ms`);
      await pause(lookMs);
    }
  });
}

/** @throws Error if something else ended it, or if it did not end */
async function endsItself(service: Hands['site']['service']): Promise<void> {
  let hasEnded = false;
  void service.exited.then(() => {
    hasEnded = true;
  });
  await eventually('the process that hangs has ended', () => hasEnded, endsMsMax, lookMs);
  const says = `the event loop stood still for ${hangSeconds} s`;
  if (!service.output.includes(says)) throw new Error(`it ended without “${says}”`);
}

/** The signal that the service's preload listens to. After it, the event loop hangs for good. */
const hangSignal = 'SIGUSR2';
const hangOnSignal = `data:text/javascript,process.on('${hangSignal}',()=>{for(;;);})`;

/** The smallest value that the service accepts, in seconds. */
const hangSeconds = 5;
/** Longest wait until a hanging process has ended by itself, in milliseconds. */
const endsMsMax = 30_000;

/** Drills in which something ends, or hangs, and is started again. */
export const killDrills: readonly Drill[] = [
  {
    name: 'kill-service',
    about: 'SIGKILL of the service; its supervisor starts it again',
    expected: 'interrupted payments are settled; no acknowledged fact is lost',
    public: {
      en: 'We stopped the whole ticket service without warning, while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 판매 서비스 전체를 예고 없이 중단했습니다.',
    },
    bounds: usualBounds,
    rings: 'RepriseRestarted',
    site: {},
    async method({ site, act, fault, over }) {
      fault();
      await act('SIGKILL of the service', () => site.service.signal('SIGKILL'));
      over();
    },
  },
  {
    name: 'hang-service',
    about: 'the event loop of the service hangs; it still accepts connections',
    expected: `after ${hangSeconds} s (HANG_SECONDS of this drill) the watchdog ends the process, and the supervisor starts it again`,
    public: {
      en: 'We made the ticket service freeze while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 판매 서비스가 응답하지 않도록 만들었습니다.',
    },
    // The buyers wait until the service is ended.
    bounds: { ...usualBounds, slowestMax: 30 },
    rings: 'RepriseRestarted',
    site: {
      env: { NODE_OPTIONS: `--import="${hangOnSignal}"`, HANG_SECONDS: String(hangSeconds) },
      // The process has to end itself before.
      unansweredMax: 30,
    },
    async method({ site, act, fault, over }) {
      fault();
      await act('its event loop hangs', () => site.service.signal(hangSignal));
      await act('it ends itself', () => endsItself(site.service));
      over();
    },
  },
  {
    name: 'kill-event-store',
    about: 'SIGKILL of the embedded event store; the service starts it again',
    expected:
      'calls are 503 until it is back; no acknowledged event is lost, and none is written twice',
    public: {
      en: 'We stopped the part that records sales, while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 판매 기록을 담당하는 부분을 중단했습니다.',
    },
    bounds: usualBounds,
    site: {},
    method: (hands) => killServer(hands, 'event store'),
  },
  {
    name: 'kill-postgres',
    about: 'SIGKILL of the embedded PostgreSQL; its keeper starts it again',
    expected:
      'the sale continues with the log and the memory; lists are behind until PostgreSQL is back',
    public: {
      en: 'We stopped the part that shows reservations, while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 예매 내역을 보여 주는 부분을 중단했습니다.',
    },
    bounds: usualBounds,
    site: {},
    method: (hands) => killServer(hands, 'PostgreSQL'),
  },
];
