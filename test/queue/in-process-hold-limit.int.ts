import { InProcessHoldLimit } from '../../src/queue/in-process-hold-limit.ts';
import {
  fairUseContract,
  holdLimitContract,
  holdLimitProperties,
  type OpenHoldLimit,
} from './hold-limit-contract.ts';

const open: OpenHoldLimit = async (rules, now) => ({
  limit: new InProcessHoldLimit(rules, now),
  close: async () => {},
});

holdLimitContract('in-process', open);
fairUseContract('in-process', open);
holdLimitProperties('in-process', open, 2_000);
