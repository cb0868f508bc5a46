const nobody = 'no request fails, and no limit of a rule is exceeded';
const restart =
  'the service starts it again within a second or two; RestartLoop fires at the third restart in ten minutes';
const short = (seconds: number, rule: string, waits: string): string =>
  `the fault lasts ${seconds} s, and ${rule} waits ${waits}`;
const many = 'SaleFailing fires if more than 2 % of more than 100 requests fail';
const asLong =
  'the fault lasts about as long as EventStoreDown waits (15 s), so it may fire or not';

/**
 * The drills in which no alarm has to fire, each with the reason: the only exceptions. Each other
 * drill names in `rings` the rule that must fire. A fault that heals before a rule has waited wakes
 * nobody, because an alarm for it would come when nothing is left to do.
 */
export const withoutAlarm: Readonly<Record<string, string>> = {
  'kill-event-store': restart,
  'kill-postgres':
    'its keeper starts it again within a second or two; RestartLoop does not count these restarts',
  'silent-event-store': short(8, 'EventStoreDown', '15 s'),
  'slow-event-store':
    'the fault lasts 8 s, and SlowSale uses the requests of the last five minutes',
  'cut-after-write': 'the service connects again at once, and no request fails',
  'freeze-network': 'the service connects again after about 3 s, and EventStoreDown waits 15 s',
  'disk-full': short(12, 'DiskLow', '60 s, because a real disk fills more slowly'),
  'redis-down': `${short(5, 'QueueDown', '15 s')}; ${many}`,
  'redis-flush': 'the queue is rebuilt within a second',
  'read-models-lost': `an operator acts after 5 s, and RepriseNotReady waits 60 s; ${many}`,
  stampede: `the queue refuses newcomers for some seconds; ${many}`,
  'leader-kill': nobody,
  'leader-hang': 'another node leads within 10 s, and EventStoreDown waits 15 s',
  'leader-cut': asLong,
  'follower-kill': nobody,
  'follower-hang': nobody,
  'follower-cut': nobody,
  'subscription-kill': nobody,
  'subscription-hang': nobody,
  'subscription-cut': nobody,
  'quorum-lost': asLong,
  'start-without-leader': 'the alarm does not watch the service that starts for the first time',
  'rolling-restart': nobody,
  scavenge: nobody,
  'rebuild-without-leader': nobody,
  'node-disk-full': 'the node starts again within seconds, and EventStoreDown waits 15 s',
  'older-copy': 'an operator rebuilds at once, and RepriseNotReady waits 60 s',
};
