import { type Bounds, type Drill, usualBounds } from '../drill-form.ts';
import { eventStoreBin } from '../environment.ts';
import { whyNoSmallDisk } from '../small-disk.ts';
import {
  rebuildWithoutLeader,
  rollingRestart,
  scavengeNodes,
  startWithoutLeader,
} from './node-care.ts';
import {
  type Choice,
  cutOffNode,
  faultMs,
  follower,
  hangNode,
  killNode,
  leader,
  loseQuorum,
} from './node-faults.ts';
import { copyData, fillNodeDisk, restoreOlderCopy } from './single-node.ts';
import type { ClusterOptions } from './site-cluster.ts';

const skip = (): string | undefined =>
  eventStoreBin === undefined
    ? 'set EVENTSTORE_BIN to the executable of an EventStoreDB server, from 24.6 on'
    : undefined;

/** The disk of the drill that fills it, in megabytes. */
const diskMegabytes = 96;
const smallChunks = ['--chunk-size', `${2 * 1_024 * 1_024}`, '--chunks-cache-size', '8388608'];

const skipWithoutDisk = async (): Promise<string | undefined> => skip() ?? (await whyNoSmallDisk());

/** An answer comes within 5 s, if necessary with 503, and one dead node costs no request. */
const answered: Bounds = { ...usualBounds, slowestMax: 5 };
const oneHung: Bounds = { ...answered, withoutPurchaseMax: 10, readyMax: 10 };
const oneDead: Bounds = { ...oneHung, failedMax: 0 };
const back: Bounds = { ...answered, readyMax: 5 };

const onNodes = (store: ClusterOptions) => ({
  // A payment that failed for the fault lets its hold lapse soon.
  ...({ skip, site: { store, services: 2, env: { HOLD_SECONDS: '60' } } } as const),
});
const cluster: ClusterOptions = { nodes: 3 };
/** Subscriptions are on followers. */
const onFollowers: ClusterOptions = { nodes: 3, settings: '&nodePreference=follower' };

const one = { en: 'one of three computers', ko: '컴퓨터 세 대 중 한 대를' };
const records = { en: 'that record sales', ko: '판매를 기록하는' };
const seconds = faultMs / 1_000;

interface OfNode {
  readonly what: string;
  /** As in a sentence. */
  readonly node: string;
  readonly choose: Choice;
  readonly direct: ClusterOptions;
  readonly bounds: { readonly kill: Bounds; readonly hang: Bounds; readonly cut: Bounds };
  /** The services cannot do without it. */
  readonly isNeeded?: true;
}

const ofNode = ({ what, node, choose, direct, bounds, isNeeded }: OfNode): Drill[] => [
  {
    name: `${what}-kill`,
    about: isNeeded
      ? `SIGKILL of ${node}; the killed node starts again after another node leads`
      : `SIGKILL of ${node}; the killed node starts again after some seconds`,
    expected: isNeeded
      ? 'no request fails; appends are sent again, with the same ids, to the next leader'
      : 'no request fails',
    public: {
      en: `We stopped ${one.en} ${records.en}, while tickets were being sold.`,
      ko: `티켓이 판매되는 도중에 ${records.ko} ${one.ko} 중단했습니다.`,
    },
    ...{ bounds: bounds.kill, ...onNodes(direct) },
    method: (hands) => killNode(hands, choose),
  },
  {
    name: `${what}-hang`,
    about: `SIGSTOP of ${node} for ${seconds} s`,
    expected: isNeeded ? 'within 10 s another node leads, and buyers can pay' : 'no request fails',
    public: {
      en: `We made ${one.en} ${records.en} freeze, while tickets were being sold.`,
      ko: `티켓이 판매되는 도중에 ${records.ko} ${one.ko} 응답하지 않게 했습니다.`,
    },
    ...{ bounds: bounds.hang, ...onNodes(direct) },
    method: (hands) => hangNode(hands, choose),
  },
  {
    name: `${what}-cut`,
    about: `nothing passes between the services and ${node} for ${seconds} s`,
    expected: isNeeded
      ? 'calls are 503 during this time, because the nodes still see their leader; within 5 s after that, every service is ready'
      : 'no request fails',
    public: {
      en: `We cut the line to ${one.en} ${records.en}, while tickets were being sold.`,
      ko: `티켓이 판매되는 도중에 ${records.ko} 컴퓨터 세 대 중 한 대의 연결을 끊었습니다.`,
    },
    ...{ bounds: bounds.cut, ...onNodes({ ...direct, relayed: true }) },
    method: (hands) => cutOffNode(hands, choose, isNeeded === true),
  },
];

const dead = { kill: oneDead, hang: oneDead, cut: oneDead };

/** Drills on nodes of a real event store, each with two services. */
export const clusterDrills: readonly Drill[] = [
  ...ofNode({
    ...{ what: 'leader', node: 'the leader', choose: leader, direct: cluster, isNeeded: true },
    bounds: { kill: oneDead, hang: oneHung, cut: back },
  }),
  ...ofNode({
    ...{ what: 'follower', node: 'a follower', choose: follower },
    ...{ direct: cluster, bounds: dead },
  }),
  ...ofNode({
    ...{ what: 'subscription', node: 'a follower with subscriptions', choose: follower },
    ...{ direct: onFollowers, bounds: dead },
  }),
  {
    name: 'quorum-lost',
    about: `SIGKILL of both followers; they start again after ${seconds} s`,
    expected:
      'calls are 503 until there is a leader again; within 5 s after that, every service is ready',
    public: {
      en: `We stopped two of three computers ${records.en}, while tickets were being sold.`,
      ko: `티켓이 판매되는 도중에 ${records.ko} 컴퓨터 세 대 중 두 대를 중단했습니다.`,
    },
    ...{ bounds: back, ...onNodes(cluster) },
    method: loseQuorum,
  },
  {
    name: 'start-without-leader',
    about: 'a service is started with one node of three; then the other two nodes start',
    expected: 'the service waits, and is ready when there is a leader',
    public: {
      en: `We started the service while two of three computers ${records.en} were away.`,
      ko: `${records.ko} 컴퓨터 세 대 중 두 대가 꺼져 있는 동안 판매 서비스를 시작했습니다.`,
    },
    ...{ bounds: back, ...onNodes(cluster) },
    method: startWithoutLeader,
  },
  {
    name: 'rolling-restart',
    about: 'SIGTERM and start of each node, one after another',
    expected: 'no request fails',
    public: {
      en: `We restarted each of the three computers ${records.en}, while tickets were being sold.`,
      ko: `티켓이 판매되는 도중에 ${records.ko} 컴퓨터 세 대를 차례로 다시 시작했습니다.`,
    },
    ...{ bounds: oneDead, ...onNodes(cluster) },
    method: rollingRestart,
  },
  {
    name: 'scavenge',
    about: 'a scavenge on every node',
    expected: 'no request fails',
    public: {
      en: 'We tidied up the records of sales while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 판매 기록 저장 공간을 정리했습니다.',
    },
    ...{ bounds: oneDead, ...onNodes(cluster) },
    method: scavengeNodes,
  },
  {
    name: 'rebuild-without-leader',
    about: 'the leader is killed while reprise rebuild makes the tables',
    expected: 'the rebuild completes, and the sale continues',
    public: {
      en: `We stopped ${one.en} ${records.en} while the lists were being made again.`,
      ko: `목록을 새로 만드는 동안 ${records.ko} ${one.ko} 중단했습니다.`,
    },
    ...{ bounds: oneHung, ...onNodes(cluster) },
    method: rebuildWithoutLeader,
  },
  {
    name: 'node-disk-full',
    about:
      'the disk of a single node is full; later, the disk has free space, and the node starts again',
    expected: 'calls are 503 until the node is back; within 5 s after that, every service is ready',
    public: {
      en: 'We let the disk with the records of sales run full, while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 판매 기록이 저장되는 디스크를 가득 채웠습니다.',
    },
    bounds: back,
    ...onNodes({ nodes: 1, args: smallChunks, diskMegabytes }),
    skip: skipWithoutDisk,
    method: fillNodeDisk,
  },
  {
    name: 'older-copy',
    about: 'a single node gets an older copy of its data; then reprise rebuild runs',
    expected: 'every service reports another log, until the rebuild has made the tables',
    public: {
      en: 'We put an older copy of the records of sales in their place.',
      ko: '판매 기록을 이전 사본으로 되돌렸습니다.',
    },
    bounds: { ...back, readyMax: 10 },
    ...onNodes({ nodes: 1 }),
    prepare: copyData,
    method: restoreOlderCopy,
  },
];
