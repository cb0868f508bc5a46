export { eventually } from '../../src/support/eventually.ts';
