import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { parseAllDocuments } from 'yaml';
import { settings } from '../../src/config/settings.ts';
import { liveness } from '../../src/drill/supervisor.ts';

const text = readFileSync('ops/kubernetes/reprise.yaml', 'utf8');
const documents = parseAllDocuments(text).map((one) => one.toJS());
const ofKind = (kind: string) => documents.find((one) => one.kind === kind);

/** By the schemas of Kubernetes' own API: types, what is required, and what a value may be. */
function validate(document: { kind: string }): void {
  if (document.kind === 'Deployment') new Deployment(document as never).validate();
  else if (document.kind === 'Service') new Service(document as never).validate();
  else if (document.kind === 'PodDisruptionBudget')
    new PodDisruptionBudget(document as never).validate();
  else throw new Error(`no schema for ${document.kind}`);
}

describe('ops/kubernetes/reprise.yaml', () => {
  const deployment = () => ofKind('Deployment').spec;
  const pod = () => deployment().template.spec;
  const container = () => pod().containers[0];

  it('is valid by the schemas of Kubernetes', () => {
    expect(documents.map(({ kind }) => kind)).to.deep.equal([
      'Deployment',
      'Service',
      'PodDisruptionBudget',
    ]);
    for (const one of documents) validate(one);
  });

  it('would not be with a wrong type, or without what is required', () => {
    const wrong = structuredClone(ofKind('Deployment'));
    wrong.spec.replicas = 'two';
    expect(() => validate(wrong)).to.throw();
    const without = structuredClone(ofKind('Deployment'));
    delete without.spec.selector;
    expect(() => validate(without)).to.throw();
  });

  it('asks /livez whether to restart, and /readyz whether to send buyers', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container();
    expect(startupProbe.httpGet).to.deep.equal({ path: '/livez', port: 'http' });
    expect(livenessProbe.httpGet).to.deep.equal({ path: '/livez', port: 'http' });
    expect(readinessProbe.httpGet).to.deep.equal({ path: '/readyz', port: 'http' });
  });

  it('restarts a service when the supervisor of a drill does, and so does the image', () => {
    const { livenessProbe } = container();
    const { periodSeconds, timeoutSeconds, failureThreshold } = livenessProbe;
    expect(liveness).to.deep.equal({
      askMs: periodSeconds * 1_000,
      answerMs: timeoutSeconds * 1_000,
      unansweredMax: failureThreshold,
    });
    expect(readFileSync('Dockerfile', 'utf8')).to.include(
      `--interval=${periodSeconds}s --timeout=${timeoutSeconds}s --start-period=60s --retries=${failureThreshold} `,
    );
  });

  it('runs as the image’s user, who is not root, on a root file system that is read-only', () => {
    expect(pod().securityContext).to.include({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container().securityContext).to.deep.equal({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container().volumeMounts).to.deep.equal([{ name: 'data', mountPath: '/data' }]);
  });

  it('names settings that there are, and ports that the image and the Service have', () => {
    const names = container().env.map(({ name }: { name: string }) => name);
    expect(Object.keys(settings)).to.include.members(names);
    const ports = container().ports.map(({ name }: { name: string }) => name);
    expect(ports).to.include(ofKind('Service').spec.ports[0].targetPort);
  });

  it('selects its own pods everywhere, and leaves more than it may take away', () => {
    const { labels } = deployment().template.metadata;
    expect(deployment().selector.matchLabels).to.deep.equal(labels);
    expect(ofKind('Service').spec.selector).to.deep.equal(labels);
    const budget = ofKind('PodDisruptionBudget').spec;
    expect(budget.selector.matchLabels).to.deep.equal(labels);
    expect(budget.minAvailable).to.be.below(deployment().replicas);
  });
});
