import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { CommandHandler } from '../commands/core/command-handler.ts';
import {
  type SteeredLot,
  type Steering,
  type SteeringChange,
  steeringDecider,
  steeringOf,
} from '../commands/steering/decider.ts';
import { type Config, readConfig } from '../config.ts';
import { decode } from '../events/codec.ts';
import { roomSchema } from '../events/queue-events.ts';
import { steeringStream } from '../events/streams.ts';
import { logMustExist } from '../servers/servers.ts';
import { moment } from './moment.ts';
import { lotBefore, lotInWords, lotMinutes, minutesDefault, mustNotBeDrawn } from './queue-lot.ts';
import { withLog } from './with-servers.ts';

/** Most places and admissions per minute that may be set. */
const numberMax = 1_000_000;
/** Steps shown by `status`. */
const stepsMax = 10;

interface Where {
  /** Default: the line of the shop. */
  readonly room?: string;
}

interface Who extends Where {
  readonly by?: string;
  readonly reason: string;
}

type LotFlags = Who & {
  /** Milliseconds since the epoch. */
  readonly opensAt?: number;
  readonly minutes: number;
  readonly none?: true;
};

type SetFlags = Who & { readonly places?: number | null; readonly perMinute?: number | null };

const help = `
Each command writes an event to the log, with its author and reason. It takes effect on every
instance within half a second, without a restart. It stays in effect after a restart. The service
may be running or not.

Examples:
  $ reprise queue status
  $ reprise queue set --places 100 --per-minute 600 --reason 'the shop can serve more'
  $ reprise queue set --places default --per-minute none --reason 'back to the settings'
  $ reprise queue pause --reason 'payments are slow'
  $ reprise queue resume --reason 'payments are fast again'
  $ reprise queue set --room gala --places 10 --reason 'a hall of 200 seats'
  $ reprise queue lot --room gala --opens-at 2027-05-01T19:00:00+09:00 --reason 'a fair start'

A lot gives places to the users who enrol in the minutes before --opens-at, except the last minute.
Users who enrol later stand behind them, in the order of their enrolment. The queue admits nobody
before --opens-at. Use the salesOpenAt of the room's concert: the lot does not open the sale itself.
The service draws the lot one minute before the opening, and writes its seed to the log.
\`reprise queue audit\` repeats the draw.

Exit codes: 0 done, or already done; 1 anything else.`;

/** `reprise queue`. */
export function defineQueue(queue: Command): void {
  queue.addHelpText('after', help);
  const forRoom = (name: string, about: string): Command =>
    queue
      .command(name)
      .description(about)
      .option('--room <name>', 'a room of the catalog; default: the line of the shop', roomName);
  forRoom(
    'status',
    'Show how the queue is steered, and the last commands with author and reason.',
  ).action(({ room = '' }: Where) => showSteering(readConfig(process.env), room));

  /** With the options that every step has. */
  const step = (name: string, about: string): Command =>
    forRoom(name, about)
      .requiredOption('--reason <text>', 'the reason; the log stores it')
      .option('--by <name>', 'the author; default: the user who runs the command');

  step('set', 'Set the number of places, the admissions per minute, or both.')
    .option(
      '--places <n>',
      'number of places, or `default` for QUEUE_ADMITTED_MAX',
      numberOr('default'),
    )
    .option('--per-minute <n>', 'admissions per minute, or `none` for no limit', numberOr('none'))
    .action(async ({ places, perMinute, ...who }: SetFlags) => {
      if (places === undefined && perMinute === undefined) {
        throw new Error('give --places, --per-minute or both');
      }
      const change = {
        ...(places === undefined ? {} : { admittedMax: places }),
        ...(perMinute === undefined ? {} : { perMinute }),
      };
      await steer(who, change);
    });
  step('lot', 'Give places by lot to users who enrol before a sale opens.')
    .option('--opens-at <time>', 'when the queue opens: 2027-05-01T19:00:00+09:00', moment)
    .option(
      '--minutes <n>',
      'how many minutes before the opening the lot begins',
      lotMinutes,
      minutesDefault,
    )
    .option('--none', 'remove the lot: the queue admits users in the order of their enrolment')
    .action(async ({ opensAt, minutes, none, ...who }: LotFlags) => {
      if ((opensAt === undefined) === (none === undefined)) {
        throw new Error('give --opens-at or --none');
      }
      const lot = opensAt === undefined ? null : lotBefore(opensAt, minutes, Date.now());
      await steer(who, { lot });
    });
  step('pause', 'Admit nobody. Admitted users stay admitted.').action((who: Who) =>
    steer(who, { paused: true }),
  );
  step('resume', 'Admit users again, and let new users enrol again.').action((who: Who) =>
    steer(who, { paused: false, draining: false }),
  );
  step('drain', 'Let no new user enrol. The queue still admits waiting users.').action((who: Who) =>
    steer(who, { draining: true }),
  );
  step('clear', 'Empty the line. Waiting users must enrol again.').action((who: Who) =>
    steer(who, {}, true),
  );
}

function roomName(text: string): string {
  if (roomSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError(
    'Give the name of a room in the catalog: 1 to 64 characters of A-Z a-z 0-9 _ -.',
  );
}

/** A whole number from 1, or the word for no limit. */
const numberOr =
  (word: string) =>
  (text: string): number | null => {
    if (text === word) return null;
    const number = Number(text);
    if (!/^[0-9]{1,7}$/.test(text) || number < 1 || number > numberMax) {
      throw new InvalidArgumentError(`Give a whole number from 1 to ${numberMax}, or ${word}.`);
    }
    return number;
  };

/** @throws Error with a message for people */
async function steer(
  { room = '', by = userInfo().username, reason }: Who,
  change: SteeringChange,
  clear = false,
): Promise<void> {
  const config = readConfig(process.env);
  await logMustExist(config);
  await withLog(config, async (store) => {
    const handler = new CommandHandler(store, steeringDecider);
    if (change.lot !== undefined) {
      mustNotBeDrawn(steeringOf(await handler.state(steeringStream), room).lot, Date.now());
    }
    const at = new Date().toISOString();
    const command = { type: 'SteerQueue', room, change, clear, by, reason, at } as const;
    const result = await handler.execute(steeringStream, command, { commandId: randomUUID() });
    if (!result.ok) throw new Error(result.refusal.detail);
    const name = nameOf(room);
    console.log(`${name}: ${result.value}`);
    console.log(inWords(name, steeringOf(await handler.state(steeringStream), room), config));
  });
}

/** @throws Error with a message for people */
async function showSteering(config: Config, room: string): Promise<void> {
  await logMustExist(config);
  await withLog(config, async (store) => {
    const handler = new CommandHandler(store, steeringDecider);
    const steering = steeringOf(await handler.state(steeringStream), room);
    console.log(inWords(nameOf(room), steering, config));
    let left = stepsMax;
    for await (const recorded of store.readBackwards(steeringStream)) {
      const event = decode(recorded);
      if (left === 0) break;
      if (event.type !== 'QueueSteered' || (event.data.room ?? '') !== room) continue;
      left -= 1;
      const { at, by, reason, cleared, lot, ...after } = event.data;
      const times = lot === null ? '' : `, places by lot from ${lot.from} to ${lot.opensAt}`;
      const now = settingsInWords({ ...after, lot: null }, config);
      const what = `${now}${times}${cleared ? ', line cleared' : ''}`;
      console.log(`  ${at}  by ${by}: ${what} (${reason})`);
    }
  });
}

const nameOf = (room: string): string => (room === '' ? 'queue' : `room ${room}`);

const inWords = (name: string, steering: Steering, config: Config): string =>
  steering.revision < 0
    ? `${name}: ${config.queue.admittedMax} places (the setting); nobody has steered it`
    : `${name}: ${settingsInWords(steering, config)}`;

type Steered = Pick<Steering, 'admittedMax' | 'perMinute' | 'paused' | 'draining'> & {
  readonly lot: SteeredLot | null;
};

function settingsInWords(
  { admittedMax, perMinute, paused, draining, lot }: Steered,
  { queue }: Config,
): string {
  const places =
    admittedMax === null ? `${queue.admittedMax} places (the setting)` : `${admittedMax} places`;
  return [
    places,
    perMinute === null ? 'no limit per minute' : `${perMinute} admissions per minute`,
    ...(paused ? ['paused'] : []),
    ...(draining ? ['no new user can enrol'] : []),
    ...(lot === null ? [] : [lotInWords(lot)]),
  ].join(', ');
}
