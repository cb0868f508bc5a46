#!/usr/bin/env node
// `npm run build`: checks the types and makes dist/, which bin/reprise.js runs.
import { build } from './dist.js';

try {
  build({ isAsked: true });
} catch (error) {
  console.error(`dist/ was not built: ${error.message}`);
  process.exitCode = 1;
}
