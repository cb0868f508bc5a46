import { register } from 'node:module';

/** Loads the sources in a lane: `node --import …/typescript.mjs`. */
register('./strip-types.mjs', import.meta.url);
