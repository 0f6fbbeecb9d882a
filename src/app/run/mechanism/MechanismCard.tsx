/** How the edit is made: the picture, of the run on screen or of the next one, and what its parts are. */
import { useEffect, useId, useMemo, useState } from 'react';
import { formatPlural } from '../../format.ts';
import { DrawnFigure } from '../../shared/DrawnFigure.tsx';
import { Empty } from '../../shared/Empty.tsx';
import panel from '../../shared/Panel.module.css';
import { Segments } from '../../shared/Segments.tsx';
import { useWidth } from '../../shared/use-width.ts';
import { aimedAt } from '../../store/aim.ts';
import { useStore } from '../../store/index.ts';
import { chosenLayersText } from '../../store/method.ts';
import type { RunEdit } from '../../store/run.ts';
import { layersIn } from '../../store/settings.ts';
import type { PromptTokens } from '../../../worker/api.ts';
import { EditOptions } from '../EditOptions.tsx';
import { useShownRun, type ShownRun } from '../shown-run.ts';
import { layoutOf, leastWidth } from './layout.ts';
import styles from './MechanismCard.module.css';
import { MechanismPicture } from './MechanismPicture.tsx';
import { OVERVIEW, PART_IDS, PARTS, type PartId } from './parts.ts';
import { activeLayer, NO_READINGS, readingsOf } from './readings.ts';

export function MechanismCard() {
  const shown = useShownRun();
  const running = useStore((state) => state.run?.status === 'running');
  const [next, setNext] = useState(false);
  return (
    <section className={panel.card} aria-label="How the edit is made">
      <div className={panel.head}>
        <h2>How the edit is made</h2>
        {shown && (
          <Segments
            label="Shown"
            value={next && !running ? 'next' : 'run'}
            options={[
              { value: 'run', name: running ? 'This run' : shown.fromPatch ? 'The patch on screen' : 'The last run' },
              { value: 'next', name: 'The next run' },
            ]}
            onChoose={(value) => setNext(value === 'next')}
          />
        )}
      </div>
      {shown && (!next || running) ? <RunPicture shown={shown} /> : <NextPicture />}
    </section>
  );
}

/** Which of several edits, by number; of one there is no choice. */
function useEditChoice(edits: readonly RunEdit[]) {
  const id = useId();
  const [chosen, setChosen] = useState(0);
  const edit = chosen < edits.length ? chosen : 0;
  const choice =
    edits.length < 2 ? null : (
      <div className={styles.choice}>
        <label className={panel.label} htmlFor={id}>
          Edit
        </label>
        <select
          id={id}
          className={`${panel.input} ${styles.select}`}
          value={edit}
          onChange={(event) => setChosen(Number(event.target.value))}
        >
          <EditOptions edits={edits} />
        </select>
      </div>
    );
  return { edit, choice };
}

function RunPicture({ shown: { run, fromPatch } }: { shown: ShownRun }) {
  const layerCount = useStore((state) => state.model?.layerCount ?? 0);
  const active = useStore((state) => (state.run ? activeLayer(state.run) : null));
  const asked = useStore((state) => state.editTokens);
  const askEditTokens = useStore((state) => state.askEditTokens);
  const { edit, choice } = useEditChoice(run.edits);
  const { subject, object, prompt } = run.edits[edit] ?? { subject: '', object: '', prompt: null };
  const patchId = fromPatch?.id ?? null;
  const known = prompt ?? (patchId === null ? null : (asked[`${patchId} ${edit}`] ?? null));
  useEffect(() => {
    if (!known && patchId !== null) void askEditTokens(patchId, edit);
  }, [known, patchId, edit, askEditTokens]);
  const readings = useMemo(() => readingsOf(run, edit, fromPatch ? null : active), [run, edit, fromPatch, active]);
  const layers = run.layers.length > 0 ? run.layers : run.reports.map(({ layer }) => layer);
  const { target } = readings;
  const summary = [
    `${subject} → ${object}, layers ${layers.join(', ')}.`,
    target ? `After step ${target.step} the object has ${Math.round(100 * target.probability)} %.` : '',
    ...readings.layers.map(
      ({ layer, before, after }) =>
        `Layer ${layer}: ${Math.round(100 * before)} % left before${after === null ? '' : `, ${Math.round(100 * after)} % after`}.`,
    ),
  ].join(' ');
  return (
    <>
      {choice}
      <Explained least={known ? leastWidth(known.tokens) : 0}>
        {(width, part, onPoint) =>
          known && known.tokens.length > 0 ? (
            <MechanismPicture
              layout={layoutOf(known.tokens, layerCount, layers, width)}
              readings={readings}
              object={object}
              summary={summary}
              part={part}
              onPoint={onPoint}
              aim={null}
            />
          ) : null
        }
      </Explained>
    </>
  );
}

/** Before a run: where the first row aims, and where else it could. */
function NextPicture() {
  const model = useStore((state) => state.model);
  const drafts = useStore((state) => state.drafts);
  const inspections = useStore((state) => state.inspections);
  const text = useStore(chosenLayersText);
  const updateDraft = useStore((state) => state.updateDraft);
  const toggleLayer = useStore((state) => state.toggleLayer);
  const announce = useStore((state) => state.announce);
  const rows = drafts.flatMap((draft) => {
    const row = inspections[draft.id]?.row;
    return row && row.fullPrompt !== null ? [{ draft, row }] : [];
  });
  const edits = rows.map(({ draft, row }): RunEdit & { prompt: PromptTokens } => ({
    subject: draft.subject.trim(),
    object: draft.object.trim(),
    prompt: row,
  }));
  const { edit, choice } = useEditChoice(edits);
  const layers = layersIn(text ?? '', model?.layerCount ?? 0);
  if (!model || rows.length === 0) {
    return (
      <Empty title="No edit to show yet">
        Fill in an edit: its tokens, the layers it is written into and what goes on in them appear here.
      </Empty>
    );
  }
  const { draft, row } = rows[edit];
  const aim = {
    layer: toggleLayer,
    canAim: (index: number) => aimedAt(row, index) !== null,
    token: (index: number) => {
      const to = aimedAt(row, index);
      if (!to) return;
      updateDraft(draft.id, to);
      announce(`The subject is now “${to.subject}”.`);
    },
  };
  return (
    <>
      {choice}
      <p className={panel.small}>Press a layer to edit it or leave it, a token to make it the subject’s last.</p>
      <Explained least={leastWidth(row.tokens)}>
        {(width, part, onPoint) => (
          <MechanismPicture
            layout={layoutOf(row.tokens, model.layerCount, layers, width)}
            readings={NO_READINGS}
            object={draft.object.trim()}
            summary={`The next run on ${draft.subject.trim()}: ${formatPlural(layers.length, 'layer')} edited${layers.length > 0 ? `, ${layers.join(', ')}` : ''}.`}
            part={part}
            onPoint={onPoint}
            aim={aim}
          />
        )}
      </Explained>
    </>
  );
}

interface ExplainedProps {
  /** In less room the picture scrolls. */
  least: number;
  children: (width: number, part: PartId | null, onPoint: (part: PartId | null) => void) => React.ReactNode;
}

/** The picture's room, its parts by name, and the sentence of the one that is pointed at. */
function Explained({ least, children }: ExplainedProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const [part, setPart] = useState<PartId | null>(null);
  return (
    <div ref={ref} className={styles.explained}>
      <DrawnFigure name="The edit, drawn" className={styles.scroll} scrolls={width !== null && width < least}>
        {width !== null && children(Math.max(least, width), part, setPart)}
      </DrawnFigure>
      <ul className={styles.parts} aria-label="Parts of the picture">
        {PART_IDS.map((id) => (
          <li key={id}>
            <button
              type="button"
              className={part === id ? `${styles.name} ${styles.chosen}` : styles.name}
              onClick={() => setPart(id)}
              onPointerEnter={() => setPart(id)}
              onPointerLeave={() => setPart(null)}
              onFocus={() => setPart(id)}
              onBlur={() => setPart(null)}
            >
              {PARTS[id].name}
            </button>
          </li>
        ))}
      </ul>
      <p className={styles.sentence} aria-live="polite">
        {part === null ? OVERVIEW : PARTS[part].sentence}
      </p>
    </div>
  );
}
