export { freePorts } from '../../src/drill/free-ports.ts';
