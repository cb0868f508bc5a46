import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { startFlags } from '../../load/service.ts';

const read = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');

describe('the flags of Node with which a service starts', () => {
  it('are the same in npm start, in the image, in the load test and in the README', async () => {
    const { scripts } = JSON.parse(await read('package.json'));
    const [, command = '[]'] = /^CMD (\[.*\])$/m.exec(await read('Dockerfile')) ?? [];
    const expected = ['node', ...startFlags, 'bin/reprise.js', 'serve'];
    expect(scripts.start.split(' ')).to.deep.equal(expected);
    expect(JSON.parse(command)).to.deep.equal(expected);
    expect((await read('README.md')).replaceAll('\n', ' ')).to.contain(`\`${expected.join(' ')}\``);
  });
});
