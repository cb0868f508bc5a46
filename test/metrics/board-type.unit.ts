import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

/** The longest run of the compiler, in milliseconds. */
const compilerMs = 60_000;

const types = fileURLToPath(new URL('support/board-type.ts', import.meta.url));
const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--target', 'ES2023'];
const modules = ['--module', 'nodenext', '--allowImportingTsExtensions'];

/** What the compiler says of boards that are written as values of the schema's type. */
function errorsOf(boards: readonly string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'reprise-board-'));
  try {
    const files = boards.map((board, n) => {
      const file = join(directory, `board-${n}.ts`);
      const head = `import type { BoardType } from ${JSON.stringify(types)};`;
      writeFileSync(file, `${head}\nexport const board: BoardType = ${board};\n`);
      return file;
    });
    const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
    const { stdout, status, error } = spawnSync(
      process.execPath,
      [compiler, ...options, ...modules, '--pretty', 'false', ...files],
      { encoding: 'utf8', timeout: compilerMs },
    );
    if (status === null) throw error;
    return stdout.split('\n').filter((line) => line.includes('error TS'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('the board in ops/grafana, by the types of Grafana’s schema', function () {
  this.timeout(2 * compilerMs);
  const board = readFileSync('ops/grafana/reprise.json', 'utf8');

  it('has only members and values that the schema has', () => {
    expect(errorsOf([board])).to.deep.equal([]);
  });

  it('would be refused with another member or value (negative control)', () => {
    const wrong = [
      ['"unit": "short"', '"unitt": "short"'],
      ['"mode": "off"', '"mode": "none"'],
      ['"refresh"', '"refreshed"'],
      ['"type": "timeseries"', '"type": "graph"'],
      ['"collapsed": false', '"collapsed": 0'],
    ] as const;
    const errors = errorsOf(wrong.map(([from, to]) => board.replace(from, to)));
    for (const n of wrong.keys()) {
      expect(errors.filter((line) => line.includes(`board-${n}.ts`))).not.to.deep.equal([]);
    }
  });

  it('is checked by the schema of the Grafana that docker-compose.yml starts', () => {
    const [, image] =
      /grafana\/grafana:(\S+)/.exec(readFileSync('docker-compose.yml', 'utf8')) ?? [];
    const installed = readFileSync('node_modules/@grafana/schema/package.json', 'utf8');
    expect(JSON.parse(installed).version).to.equal(image);
  });
});
