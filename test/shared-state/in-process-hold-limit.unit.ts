import { InProcessHoldLimit } from '../../src/shared-state/in-process-hold-limit.ts';
import { fairUseContract } from './support/fair-use-contract.ts';
import { holdLimitContract } from './support/hold-limit-contract.ts';
import { holdLimitProperties } from './support/hold-limit-properties.ts';
import type { OpenHoldLimit } from './support/hold-limit-setting.ts';

const open: OpenHoldLimit = async (rules, now) => ({
  limit: new InProcessHoldLimit(rules, now),
  close: async () => {},
});

holdLimitContract('in-process', open);
fairUseContract('in-process', open);
holdLimitProperties('in-process', open, 2_000);
