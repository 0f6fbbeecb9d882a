/** Below the header: what a model that was just opened has and lacks, and which one was open before a reload. */
import { formatBytes, formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { Icon } from '../shared/Icon.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import type { ModelSummary } from '../../worker/api.ts';
import styles from './ModelNotes.module.css';

export function ModelNotes() {
  return (
    <>
      <LastLocal />
      <ModelCard />
    </>
  );
}

function factsWords({ knowledge, relations }: ModelSummary): string {
  if (knowledge.origin === 'model') return `Its own: ${formatPlural(relations.length, 'relation')} with known facts.`;
  if (knowledge.origin === 'none') return 'None: write prompts of your own, with {} for the subject.';
  return `None of its own. The page offers ${formatPlural(relations.length, 'relation')} that ship with it, and asks the model which of their facts it knows.`;
}

const STATISTICS_WORDS: Record<ModelSummary['statistics'], string> = {
  file: 'Came with the model: the first run starts at once.',
  text: 'Computed over the model’s own statistics.txt when a run first needs them, then kept.',
  shipped: 'None of its own: computed over the text that ships with the page when a run first needs them, then kept.',
  none: 'None, and no text to compute them over: put a statistics.txt beside the model.',
};

const BENCHMARK_WORDS: Record<ModelSummary['knowledge']['origin'], string> = {
  model: 'Records that came with it, or a file of your own.',
  shipped: 'None of its own: records of CounterFact that it answers, or a file of your own.',
  none: 'None: import a file of records.',
};

function memoryWords({ needs, backend }: ModelSummary): string {
  const where = backend.kind === 'webgpu' ? 'on the GPU' : 'of memory';
  return `Its weights take ${formatBytes(needs.weightBytes)} ${where}, the statistics of every layer that is edited ${formatBytes(needs.statisticsBytes)} more.`;
}

/** What a model has, or lacks, of what the page works with. */
interface CheckedLine {
  what: string;
  words: string;
  ready: boolean;
}

function ModelCard() {
  const model = useStore((state) => state.model);
  const shown = useStore((state) => state.cardShown && state.loading === null);
  const show = useStore((state) => state.showCard);
  const knowledge = useStore((state) => state.knowledge);
  const showWork = useStore((state) => state.showWork);
  const findFacts = useStore((state) => state.findFacts);
  if (!model || !shown) return null;
  const { origin, counts } = knowledge ?? model.knowledge;
  const asked = counts !== null && counts.prompts.asked + counts.records.asked > 0;
  const lines: CheckedLine[] = [
    { what: 'Facts', words: factsWords(model), ready: origin === 'model' || asked },
    { what: 'Statistics', words: STATISTICS_WORDS[model.statistics], ready: model.statistics === 'file' },
    { what: 'Benchmark', words: BENCHMARK_WORDS[origin], ready: origin !== 'none' },
    { what: 'Settings', words: model.methods[0].presetNote, ready: true },
    { what: 'Memory', words: memoryWords(model), ready: true },
  ];
  return (
    <section className={styles.note} aria-label="About this model">
      <div className={styles.words}>
        <p>
          <strong>{model.name}</strong> is open.
        </p>
        <dl className={styles.lines}>
          {lines.map(({ what, words, ready }) => (
            <div key={what}>
              <dt>
                <Icon name={ready ? 'check' : 'more'} size={13} /> {what}
                <span className="visually-hidden">{ready ? ' (ready)' : ' (still to come)'}</span>
              </dt>
              <dd className={panel.muted}>{words}</dd>
            </div>
          ))}
        </dl>
        <div className={styles.next}>
          {counts !== null && !asked && (
            <Button
              onClick={() => {
                showWork('benchmark');
                void findFacts();
              }}
            >
              Find facts this model knows
            </Button>
          )}
          <Button onClick={() => showWork('trace')}>See where it recalls a fact</Button>
        </div>
      </div>
      <Button variant="quiet" icon="cross" aria-label="Dismiss" onClick={() => show(false)} />
    </section>
  );
}

function LastLocal() {
  const last = useStore((state) => state.lastLocal);
  const reopen = useStore((state) => state.reopenLocal);
  const dismiss = useStore((state) => state.dismissLastLocal);
  if (!last) return null;
  return (
    <section className={styles.note} aria-label="The model before">
      <p className={styles.words}>
        <span>
          <strong>{last.name}</strong> was open before, from files of this machine.{' '}
          {last.folder
            ? 'The browser asks before it reads them again.'
            : 'The browser does not let the page read them by itself.'}
        </span>
      </p>
      <Button onClick={() => void reopen()}>{last.folder ? 'Open it again' : 'Choose it again…'}</Button>
      <Button variant="quiet" icon="cross" aria-label="Dismiss" onClick={dismiss} />
    </section>
  );
}
