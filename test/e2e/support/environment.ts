export { serviceEnvironment } from '../../../src/drill/environment.ts';
