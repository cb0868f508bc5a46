import {
  type EventStoreNodes,
  type EventStoreNodesOptions,
  startEventStoreNodes as start,
} from '../../src/drill/cluster/eventstore-nodes.ts';

export type { EventStoreNode } from '../../src/drill/cluster/eventstore-node.ts';
export type { EventStoreNodes } from '../../src/drill/cluster/eventstore-nodes.ts';

const started = new Set<EventStoreNodes>();

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof after === 'function') {
  after('stop the EventStoreDB nodes that the tests left running', async () => {
    await Promise.all([...started].map((nodes) => nodes.stop()));
  });
}

/** Those of the drills. Nodes that a test leaves running end with the run. */
export async function startEventStoreNodes(
  options: EventStoreNodesOptions = {},
): Promise<EventStoreNodes> {
  const nodes = await start(options);
  started.add(nodes);
  return nodes;
}
