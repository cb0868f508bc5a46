import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { endpoints } from '../../src/http/endpoints.ts';
import { openapiDocument } from '../../src/http/openapi.ts';
import { neverOverHttp, problemKinds } from '../../src/http/problems.ts';
import { serveApi } from './support/api.ts';

const stored = new URL('../../docs/openapi.json', import.meta.url);
const page = new URL('../../docs/api.md', import.meta.url);

describe('the OpenAPI document', () => {
  it('is served as it is made from the schemas', async () => {
    const api = await serveApi();
    try {
      const served = await api.call('GET', '/openapi.json');
      expect(served.body).to.deep.equal(JSON.parse(JSON.stringify(openapiDocument())));
    } finally {
      await api.stop();
    }
  });

  it('is the one in docs/ (UPDATE_DOCS=1 writes it)', async () => {
    const made = openapiDocument();
    if (process.env.UPDATE_DOCS === '1') await writeFile(stored, JSON.stringify(made, null, 2));
    expect(JSON.parse(await readFile(stored, 'utf8'))).to.deep.equal(
      JSON.parse(JSON.stringify(made)),
    );
  });

  it('has each call once, with every parameter of its path', () => {
    const { paths } = openapiDocument() as {
      paths: Record<string, Record<string, { parameters: { name: string; in: string }[] }>>;
    };
    const calls = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    expect(calls).to.have.members(endpoints.map(({ method, path }) => `${method} ${path}`));
    expect(new Set(endpoints.map(({ name }) => name)).size).to.equal(endpoints.length);
    for (const { path, method } of endpoints) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const given = paths[path]?.[method]?.parameters.filter((one) => one.in === 'path');
      expect(given?.map(({ name }) => name)).to.deep.equal(names);
    }
  });

  it('is explained in docs/api.md: every call, every code with its status and a reason', async () => {
    const text = await readFile(page, 'utf8');
    for (const { method, path } of endpoints) {
      expect(text).to.include(`${method.toUpperCase()} ${path}`);
    }
    for (const [code, { status }] of Object.entries(problemKinds)) {
      const row = new RegExp(`\\| ${status} +\\| \`${code}\` +\\| +[^| ]`);
      if (neverOverHttp.includes(code)) expect(text).not.to.match(row, code);
      else expect(text).to.match(row, code);
    }
  });
});
