import path from 'node:path';
import { diskPath, fillDisk } from './disk.ts';
import {
  type Choice,
  cut,
  faultSeconds,
  follower,
  hang,
  kill,
  leader,
  loseQuorum,
  rebuildMeanwhile,
  restore,
  rollingRestart,
  scavenge,
  startWithoutLeader,
  type Told,
} from './faults.ts';
import type { Site, SiteOptions } from './site.ts';

/** What a drill may cost. What no drill may: see `always`. */
export interface Bounds {
  /** Requests without a good answer. */
  readonly failedMax?: number;
  /** Longest time in which a service gives no good answer to a reservation or a payment. */
  readonly longestSecondsMax?: number;
  /** Time from the fault, or from the moment that the drill names, until every service is ready. */
  readonly readySecondsMax?: number;
}

export interface Drill {
  readonly name: string;
  readonly about: string;
  readonly site: SiteOptions;
  readonly bounds: Bounds;
  /** The default number of rounds. */
  readonly rounds?: number;
  /** Causes the fault, keeps it for its time, ends it. */
  run(site: Site): Promise<Told>;
}

const cluster: SiteOptions = { nodes: 3 };
/** Subscriptions are on followers. */
const onFollowers: SiteOptions = { nodes: 3, settings: '&nodePreference=follower' };
const proxied: SiteOptions = { nodes: 3, proxied: true };
const proxiedOnFollowers: SiteOptions = { ...proxied, ...onFollowers };

const oneDead: Bounds = { failedMax: 0, longestSecondsMax: 10, readySecondsMax: 10 };
const oneHung: Bounds = { longestSecondsMax: 10, readySecondsMax: 10 };

const ofNode = (
  what: string,
  choose: Choice,
  sites: readonly [SiteOptions, SiteOptions],
  deadAndHung: readonly [Bounds, Bounds, Bounds],
): Drill[] => [
  {
    name: `${what}-kill`,
    about: `SIGKILL of the ${what}; it is started again once another node has its role`,
    site: sites[0],
    bounds: deadAndHung[0],
    run: (site) => kill(site, choose),
  },
  {
    name: `${what}-hang`,
    about: `SIGSTOP of the ${what} for ${faultSeconds} s`,
    site: sites[0],
    bounds: deadAndHung[1],
    run: (site) => hang(site, choose),
  },
  {
    name: `${what}-cut`,
    about: `the network between the services and the ${what} is cut for ${faultSeconds} s`,
    site: sites[1],
    bounds: deadAndHung[2],
    run: (site) => cut(site, choose),
  },
];

/**
 * All drills. `prepareDisk` must be called before `disk-full`.
 */
export function drills(temporary: string): readonly Drill[] {
  const restored = path.join(temporary, 'restored');
  const back: Bounds = { readySecondsMax: 5 };
  return [
    ...ofNode('leader', leader, [cluster, proxied], [oneDead, oneHung, back]),
    ...ofNode('follower', follower, [cluster, proxied], [oneDead, oneDead, oneDead]),
    ...ofNode(
      'subscription',
      follower,
      [onFollowers, proxiedOnFollowers],
      [oneDead, oneDead, oneDead],
    ),
    {
      name: 'quorum',
      about: `both followers killed for ${faultSeconds} s`,
      site: cluster,
      bounds: back,
      run: loseQuorum,
    },
    {
      name: 'start-without-leader',
      about: 'a service is started with one node of three; then the other two nodes start',
      site: cluster,
      bounds: back,
      run: startWithoutLeader,
    },
    {
      name: 'rolling-restart',
      about: 'SIGTERM and start of each node, one after another',
      site: cluster,
      bounds: oneDead,
      run: rollingRestart,
    },
    {
      name: 'scavenge',
      about: 'a scavenge on every node',
      site: cluster,
      bounds: oneDead,
      run: scavenge,
    },
    {
      name: 'rebuild',
      about: 'reprise rebuild while the leader is killed',
      site: cluster,
      bounds: oneHung,
      run: rebuildMeanwhile,
    },
    {
      name: 'disk-full',
      about: 'the disk of a single node is full, then has space again',
      site: {
        nodes: 1,
        args: ['--chunk-size', `${2 * 1024 * 1024}`, '--chunks-cache-size', '8388608'],
        get data() {
          return diskPath();
        },
      },
      bounds: back,
      run: fillDisk,
    },
    {
      name: 'restore',
      about: 'an older copy of the data of a single node is restored, then reprise rebuild',
      site: { nodes: 1, data: restored },
      bounds: { readySecondsMax: 10 },
      run: (site) => restore(site, restored),
    },
  ];
}
