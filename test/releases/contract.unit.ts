import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { contractHash, ownContract, readContract } from '../../src/releases/contract.ts';

/** `UPDATE_CONTRACT=1 npx mocha test/releases/contract.unit.ts` writes it. */
const isUpdate = process.env.UPDATE_CONTRACT !== undefined;
const folder = 'ops/contracts';
const next = `${folder}/unreleased.json`;
const versionInPackage: string = JSON.parse(readFileSync('package.json', 'utf8')).version;

describe('the contract of this version', () => {
  const own = ownContract('unreleased');

  it('is the one in ops/contracts: UPDATE_CONTRACT=1 writes it, and the changelog says what changed', () => {
    if (isUpdate) {
      writeFileSync(next, `${JSON.stringify(own, null, 2)}\n`);
      execFileSync('npx', ['biome', 'format', '--write', next]);
    }
    expect(JSON.parse(readFileSync(next, 'utf8'))).to.deep.equal(own);
  });

  it('is read back from a file, and its hash does not depend on the name of the version', async () => {
    expect(await readContract(next)).to.deep.equal(own);
    expect(contractHash({ ...own, version: '9.9.9' })).to.equal(contractHash(own));
    const other = { ...own, readModels: { ...own.readModels, seat: 99 } };
    expect(contractHash(other)).not.to.equal(contractHash(own));
  });

  it('has those of every released version beside it, each of the version that it is named for', async () => {
    const changelog = readFileSync('CHANGELOG.md', 'utf8');
    const released = [...changelog.matchAll(/^## \[(\d+\.\d+\.\d+)\]/gm)].map(([, one]) => one);
    const files = readdirSync(folder).filter((name) => name !== 'unreleased.json');
    expect(files.sort()).to.deep.equal(released.map((one) => `${one}.json`).sort());
    for (const one of released) expect((await readContract(one ?? '')).version).to.equal(one);
    expect(released).to.include(versionInPackage);
  });

  it('of an unknown version is refused in words', async () => {
    const refusal = await readContract('8.8.8').catch((error: Error) => error.message);
    expect(refusal).to.match(/^the contract of 8\.8\.8 is not known here: .*contract --json/);
    const wrong = await readContract('package.json').catch((error: Error) => error.message);
    expect(wrong).to.match(/is no contract/);
  });
});
