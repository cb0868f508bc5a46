import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Looked } from './figures.ts';

/** The table of folders in docs/architecture.md: which folder may import what. */
export interface Room {
  /** Below the root: `src/queue`, `src/main.ts`, `embedded`. */
  readonly name: string;
  /** Folders and files, as paths below `src/` or the root. Undefined: everything. */
  readonly mayImport: readonly string[] | undefined;
}

export const mapFile = 'docs/architecture.md';

/** Reads the rows of the map, in their order. */
export function readMap(): Room[] {
  const rows = readFileSync(mapFile, 'utf8').match(/^\| `[^|]+\|[^|]+\|[^|]+\|$/gm) ?? [];
  return rows
    .map((row) => row.split('|').map((cell) => cell.trim()))
    .filter(([, folder = '']) => /^`(src|embedded|load|migrations)\b/.test(folder))
    .map(([, folder = '', , imports = '']) => ({
      name: quoted(folder)[0] ?? '',
      mayImport: imports === 'everything' ? undefined : quoted(imports),
    }));
}

const quoted = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.replace(/\/$/, ''));

/** A path as the map names it: what is in `src/` without that. */
export const mapPath = (file: string): string => file.replace(/^src\//, '');

/** Whether a path is a folder or file of the map, or in it. */
export const isIn = (file: string, part: string): boolean =>
  file === part || file.startsWith(`${part}/`);

export interface Import {
  readonly from: string;
  readonly to: string;
}

/** All imports of files by files, both as paths from the root. */
export function importsBetween(files: readonly Looked[]): Import[] {
  return files.flatMap(({ file, imports }) =>
    imports
      .filter((to) => to.startsWith('.'))
      .map((to) => ({ from: file, to: path.posix.join(path.posix.dirname(file), to) })),
  );
}

/** The imports that the map does not allow. */
export function refused(map: readonly Room[], imports: readonly Import[]): Import[] {
  return imports.filter(({ from, to }) => {
    const folder = map.find(({ name }) => isIn(from, name));
    if (folder === undefined || isIn(to, folder.name) || folder.mayImport === undefined)
      return false;
    return !folder.mayImport.some((part) => isIn(mapPath(to), part));
  });
}

/** What the map allows and nobody imports, as `folder: part`. */
export function unused(map: readonly Room[], imports: readonly Import[]): string[] {
  return map.flatMap(({ name, mayImport = [] }) =>
    mayImport
      .filter(
        (part) => !imports.some(({ from, to }) => isIn(from, name) && isIn(mapPath(to), part)),
      )
      .map((part) => `${name}: ${part}`),
  );
}

/** @returns a way from a part of the map back to it, over imports; undefined when there is none */
export function cycle(map: readonly Room[], imports: readonly Import[]): string[] | undefined {
  const folders = map.map(({ name }) => mapPath(name));
  const inside = new Set(
    map.flatMap(({ mayImport = [] }) => mayImport).filter((part) => !folders.includes(part)),
  );
  const longest = (file: string, parts: Iterable<string>): string =>
    [...parts]
      .filter((part) => isIn(mapPath(file), part))
      .reduce((found, part) => (part.length > found.length ? part : found), '');
  const folderOf = (file: string): string => longest(file, folders);
  // A part that others may import without its folder counts by itself, unless it needs the folder.
  const needsRoom = ({ from, to }: Import): boolean =>
    longest(from, inside) !== '' && longest(to, inside) === '' && folderOf(from) === folderOf(to);
  for (let one = imports.find(needsRoom); one !== undefined; one = imports.find(needsRoom)) {
    inside.delete(longest(one.from, inside));
  }
  const next = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    const [a, b] = [from, to].map((file) => longest(file, inside) || folderOf(file)) as [
      string,
      string,
    ];
    if (a !== b) next.set(a, (next.get(a) ?? new Set()).add(b));
  }
  const done = new Set<string>();
  const search = (part: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(part)) return [...way.slice(way.indexOf(part)), part];
    if (done.has(part)) return undefined;
    for (const one of next.get(part) ?? []) {
      const found = search(one, [...way, part]);
      if (found) return found;
    }
    done.add(part);
    return undefined;
  };
  for (const part of next.keys()) {
    const found = search(part, []);
    if (found) return found;
  }
  return undefined;
}

/** The linter's rule for a folder that may not import everything: an override of biome.json. */
export function lintRule(map: readonly Room[], { name, mayImport = [] }: Room): unknown {
  const others = map.filter((other) => other.name !== name).map((other) => mapPath(other.name));
  const group = name.startsWith('src/')
    ? others
        .filter((other) => !mayImport.includes(other))
        .sort()
        .flatMap((other) => [
          pattern(other),
          ...mayImport
            .filter((part) => part.startsWith(`${other}/`))
            .map((part) => `!${pattern(part)}`),
        ])
    : ['**/src/**'];
  const allowed = mayImport.length === 0 ? 'nothing of the service' : mayImport.join(', ');
  const message = `${mapPath(name)} may import ${allowed}: see ${mapFile}.`;
  const noRestrictedImports = { level: 'error', options: { patterns: [{ group, message }] } };
  return { includes: [`${name}/**`], linter: { rules: { style: { noRestrictedImports } } } };
}

const pattern = (part: string): string => (part.endsWith('.ts') ? `**/${part}` : `**/${part}/**`);
