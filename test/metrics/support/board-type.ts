import type {
  AnnotationQuery,
  Dashboard,
  FieldConfig,
  GraphFieldConfig,
  Panel,
  RowPanel,
} from '@grafana/schema';

/** The types of Grafana's own schema as JSON has them: an enum is one of its values. */
type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends (infer One)[]
      ? Plain<One>[]
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

/** Of Prometheus. The schema leaves open what a data source asks for. */
interface Query {
  refId: string;
  expr: string;
  legendFormat: string;
}

interface Graph extends Omit<Plain<Panel>, 'type' | 'targets' | 'fieldConfig'> {
  type: 'timeseries';
  targets: Query[];
  fieldConfig: {
    defaults: Omit<Plain<FieldConfig>, 'custom'> & { custom?: Plain<GraphFieldConfig> };
    overrides: [];
  };
}

type Annotation = Plain<AnnotationQuery> & Pick<Query, 'expr'> & { titleFormat?: string };

/** What `ops/grafana/reprise.json` may be. */
export type BoardType = Omit<Plain<Dashboard>, 'panels' | 'annotations'> & {
  panels: (Graph | Plain<RowPanel>)[];
  annotations: { list: Annotation[] };
};
