import { badReleaseDrill } from './bad-release.ts';
import { clusterDrills } from './cluster/cluster-drills.ts';
import { diskFullDrill } from './disk-full.ts';
import type { Drill } from './drill-form.ts';
import { killDrills } from './kills.ts';
import { poisonDrill, tablesLostDrill } from './read-side-faults.ts';
import { redisDrills } from './redis-faults.ts';
import { restoreDrill } from './restore-drill.ts';
import { stampedeDrill } from './stampede.ts';
import { storeDrills } from './store-faults.ts';

/** Every drill, in the order in which they are listed. */
export const drills: readonly Drill[] = [
  ...killDrills,
  ...storeDrills,
  diskFullDrill,
  ...redisDrills,
  poisonDrill,
  tablesLostDrill,
  stampedeDrill,
  badReleaseDrill,
  restoreDrill,
  ...clusterDrills,
];

/** Short drills. They show in a few minutes that nothing fundamental is broken. */
export const shortDrills: readonly string[] = ['kill-service', 'kill-event-store', 'restore'];

/** The drills on nodes of a real event store. */
export const realStoreDrills: readonly string[] = clusterDrills.map(({ name }) => name);
