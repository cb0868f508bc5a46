import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import {
  fairUseContract,
  holdLimitContract,
  holdLimitProperties,
  type OpenHoldLimit,
} from './support/hold-limit-contract.ts';

const open: OpenHoldLimit = async (rules, now) => ({
  limit: new InProcessHoldLimit(rules, now),
  close: async () => {},
});

holdLimitContract('in-process', open);
fairUseContract('in-process', open);
holdLimitProperties('in-process', open, 2_000);
