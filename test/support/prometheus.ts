import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isInstalled, type Program, startProgram } from '../../src/drill/programs.ts';

/** Prometheus and Alertmanager from Debian's packages prometheus and prometheus-alertmanager. */

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );

/**
 * @param config the text of prometheus.yml
 * @param rules the text of each file that it loads, by name
 * @returns undefined when it is not installed: skip the test
 */
export async function startPrometheus(
  config: string,
  rules: Readonly<Record<string, string>>,
): Promise<Program | undefined> {
  if (!isInstalled('prometheus')) return undefined;
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-prometheus-'));
  for (const [name, text] of Object.entries({ ...rules, 'prometheus.yml': config })) {
    await writeFile(path.join(directory, name), text);
  }
  const args = [
    `--config.file=${path.join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${path.join(directory, 'data')}`,
  ];
  const spawnOn = (port: number) =>
    spawn('prometheus', [...args, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
  return startProgram(directory, spawnOn, {
    url: (port) => `http://127.0.0.1:${port}`,
    answers: isReady,
  });
}

/**
 * @param config the text of alertmanager.yml
 * @returns undefined when it is not installed: skip the test
 */
export async function startAlertmanager(config: string): Promise<Program | undefined> {
  if (!isInstalled('prometheus-alertmanager')) return undefined;
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-alertmanager-'));
  await writeFile(path.join(directory, 'alertmanager.yml'), config);
  const args = [
    `--config.file=${path.join(directory, 'alertmanager.yml')}`,
    `--storage.path=${path.join(directory, 'data')}`,
    '--cluster.listen-address=',
  ];
  const spawnOn = (port: number) =>
    spawn('prometheus-alertmanager', [...args, `--web.listen-address=127.0.0.1:${port}`], {
      stdio: 'ignore',
    });
  return startProgram(directory, spawnOn, {
    url: (port) => `http://127.0.0.1:${port}`,
    answers: isReady,
  });
}

/**
 * Runs promtool. @returns its exit code and its output; undefined when it is not installed: skip
 * the test
 */
export function promtool(
  ...args: readonly string[]
): { readonly code: number | null; readonly said: string } | undefined {
  if (!isInstalled('promtool')) return undefined;
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}
