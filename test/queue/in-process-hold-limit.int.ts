import { InProcessHoldLimit } from '../../src/queue/in-process-hold-limit.ts';
import {
  holdLimitContract,
  holdLimitProperties,
  type OpenHoldLimit,
} from './hold-limit-contract.ts';

const open: OpenHoldLimit = async (heldMax, now) => ({
  limit: new InProcessHoldLimit(heldMax, now),
  close: async () => {},
});

holdLimitContract('in-process', open);
holdLimitProperties('in-process', open, 2_000);
