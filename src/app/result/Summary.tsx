/** The comparison in one sentence, and its three shares. */
import type { ComparisonReport } from '../../worker/api.ts';
import type { GlossaryTerm } from '../glossary.ts';
import { formatProbability } from '../format.ts';
import { Term } from '../shared/Tip.tsx';
import styles from './Summary.module.css';

interface Share {
  passed: number;
  total: number;
}

function sentence({ efficacy, generalization, specificity }: ComparisonReport): string {
  const parts = [`${efficacy.passed} of ${efficacy.total} edits took`];
  if (generalization.total > 0) parts.push(`${generalization.passed} of ${generalization.total} paraphrases follow`);
  if (specificity.total > 0) parts.push(`${specificity.passed} of ${specificity.total} neighbours keep their answer`);
  return `${parts.join('; ')}.`;
}

function Measure({ term, name, share }: { term: GlossaryTerm; name: string; share: Share }) {
  return (
    <div className={styles.measure}>
      <dt>
        <Term name={term}>{name}</Term>
      </dt>
      <dd>{share.total > 0 ? formatProbability(share.passed / share.total) : 'nothing to measure'}</dd>
    </div>
  );
}

export function Summary({ report }: { report: ComparisonReport }) {
  return (
    <>
      <p className={styles.sentence}>{sentence(report)}</p>
      <dl className={styles.measures}>
        <Measure term="efficacy" name="Efficacy" share={report.efficacy} />
        <Measure term="generalization" name="Generalization" share={report.generalization} />
        <Measure term="specificity" name="Specificity" share={report.specificity} />
      </dl>
    </>
  );
}
