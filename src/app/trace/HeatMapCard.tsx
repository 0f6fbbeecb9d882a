/** The trace of one prompt: what the model says, and which states bring it back, token by layer. */
import { useMemo } from 'react';
import type { TraceGrid, TraceView } from '../../worker/trace-api.ts';
import { formatProbability, formatToken } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { Segments } from '../shared/Segments.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { enabledPatchesKey } from '../store/drafts.ts';
import { useStore } from '../store/index.ts';
import { bandOf, draftToTrace, traceDisabledReason, type Band } from '../store/trace.ts';
import { staleReason } from '../store/trace-view.ts';
import example from './example-trace.json' with { type: 'json' };
import { ExportMenu } from './ExportMenu.tsx';
import { HeatMap, type HeatToken } from './HeatMap.tsx';
import styles from './HeatMapCard.module.css';
import { gridKey, gridName, gridOf, gridsOf } from './names.ts';
import { gridTable } from './trace-tables.ts';

export function HeatMapCard() {
  const traced = useStore((state) => state.traced);
  const hasModel = useStore((state) => state.model !== null);
  return (
    <section className={`${panel.card} ${styles.card}`} aria-label="Heat map">
      <div className={panel.head}>
        <h2>
          <Term name="causal trace">Where it is recalled</Term>
        </h2>
        <ExportMenu />
      </div>
      {traced ? <Traced view={traced.view} /> : hasModel ? <Preview /> : <Example />}
    </section>
  );
}

function Traced({ view }: { view: TraceView }) {
  const shown = useStore((state) => state.shownGrid);
  const bandFirst = useStore((state) => bandOf(state)?.first ?? null);
  const bandLast = useStore((state) => bandOf(state)?.last ?? null);
  const layerCount = useStore((state) => state.model?.layerCount ?? 0);
  const window = useStore((state) => state.traced?.settings.window ?? 0);
  const grid = gridOf(view.grids, shown);
  const table = useMemo(() => (grid ? gridTable(view, grid) : null), [view, grid]);
  const band = bandFirst === null || bandLast === null ? null : { first: bandFirst, last: bandLast };
  return (
    <>
      <Sentence view={view} />
      <Stale />
      {grid && <KindSwitch grids={view.grids} shown={grid} />}
      {grid && grid.kind !== 'hidden' && 2 * window >= layerCount && (
        <p className={styles.note}>
          Every cell restores a window of {window} of the model’s {layerCount} layers: cells beside each other restore
          nearly the same, and the map says little about single layers.
        </p>
      )}
      <Beside edited={view} layerCount={layerCount} band={band} />
      <HeatMap
        // Another prompt is read from its own beginning.
        key={view.prompt}
        label={`Probability of ${formatToken(view.answer.token)} with a state restored: ${grid ? gridName(grid) : ''}`}
        tokens={view.tokens}
        layerCount={layerCount}
        grid={grid}
        corrupted={view.corrupted}
        clean={view.answer.probability}
        band={band}
      />
      {grid && table && <TableDetails name={`Trace ${gridName(grid)}`} table={table} />}
    </>
  );
}

interface BesideProps {
  edited: TraceView;
  layerCount: number;
  band: Band | null;
}

/** Of a model that is edited: the same map of the model as it came, or the way to it. */
function Beside({ edited, layerCount, band }: BesideProps) {
  const patched = useStore((state) => (state.traced?.question.patches ?? '') !== '');
  const unedited = useStore((state) => state.tracedUnedited?.view ?? null);
  const ready = useStore((state) => state.traced?.complete === true && traceDisabledReason(state) === null);
  const shown = useStore((state) => state.shownGrid);
  const traceUnedited = useStore((state) => state.traceUnedited);
  if (!patched) return null;
  if (!unedited) {
    return (
      <div>
        <Button disabled={!ready} onClick={() => void traceUnedited()}>
          Trace the unedited model as well
        </Button>
      </div>
    );
  }
  const grid = gridOf(unedited.grids, shown);
  const says = ({ answer }: TraceView): string =>
    `${formatToken(answer.token)} ${formatProbability(answer.probability)}`;
  return (
    <>
      <h3 className={styles.side}>Before: the unedited model says {says(unedited)}</h3>
      <HeatMap
        key={`unedited ${unedited.prompt}`}
        label={`Unedited model: probability of ${formatToken(unedited.answer.token)} with a state restored: ${grid ? gridName(grid) : ''}`}
        tokens={unedited.tokens}
        layerCount={layerCount}
        grid={grid}
        corrupted={unedited.corrupted}
        clean={unedited.answer.probability}
        band={band}
      />
      <h3 className={styles.side}>After: the model as it is now says {says(edited)}</h3>
    </>
  );
}

interface KindSwitchProps {
  grids: Pick<TraceGrid, 'kind' | 'severed'>[];
  shown: Pick<TraceGrid, 'kind' | 'severed'>;
  disabled?: boolean;
}

function KindSwitch({ grids, shown, disabled }: KindSwitchProps) {
  const showGrid = useStore((state) => state.showGrid);
  return (
    <Segments
      label="State restored"
      value={gridKey(shown)}
      disabled={disabled}
      options={grids.map((grid) => ({ value: gridKey(grid), name: gridName(grid) }))}
      onChoose={(key) => {
        const chosen = grids.find((grid) => gridKey(grid) === key);
        if (chosen) showGrid(chosen.kind, chosen.severed);
      }}
    />
  );
}

function Sentence({ view }: { view: TraceView }) {
  const { answer, corrupted, note, prompt } = view;
  return (
    <div className={styles.sentence}>
      <p>
        After “{prompt}” the model says <code>{formatToken(answer.token)}</code> with{' '}
        <strong>{formatProbability(answer.probability)}</strong>; with the subject’s tokens{' '}
        <Term name="corrupted">corrupted</Term>, with <strong>{formatProbability(corrupted)}</strong>.
      </p>
      {note !== null && <p className={styles.note}>{note}</p>}
    </div>
  );
}

function Stale() {
  const reason = useStore((state) =>
    state.traced ? staleReason(state.traced.question, state.drafts, enabledPatchesKey(state.history.patches)) : null,
  );
  const draftId = useStore((state) => state.traced?.question.draftId);
  const ready = useStore((state) => draftId !== undefined && traceDisabledReason(state, draftId) === null);
  const startTrace = useStore((state) => state.startTrace);
  if (reason === null) return null;
  return (
    <p role="status" className={panel.stale}>
      {reason} {ready && <Button onClick={() => void startTrace(draftId)}>Trace again</Button>}
    </p>
  );
}

/** Before there is a model: what a trace of the demo model came to. */
function Example() {
  const { prompt, answer, corrupted, tokens, scores, says } = example;
  return (
    <>
      <div className={styles.sentence}>
        <p>
          An example, until the model is there: after “{prompt}” the demo model says{' '}
          <code>{formatToken(answer.token)}</code> with <strong>{formatProbability(answer.probability)}</strong>; with
          the subject’s tokens <Term name="corrupted">corrupted</Term>, with{' '}
          <strong>{formatProbability(corrupted)}</strong>. Each cell puts one state back.
        </p>
      </div>
      <HeatMap
        label={`Example: probability of ${formatToken(answer.token)} with a hidden state restored`}
        tokens={tokens}
        layerCount={scores[0].length}
        grid={{ kind: 'hidden', severed: 'none', scores, says }}
        corrupted={corrupted}
        clean={answer.probability}
        band={null}
      />
    </>
  );
}

/** The empty map of the prompt that would be traced. */
function Preview() {
  const draftId = useStore((state) => draftToTrace(state)?.id);
  const row = useStore((state) => (draftId === undefined ? undefined : state.inspections[draftId]?.row));
  const { kinds, severed } = useStore((state) => state.traceSettings);
  const layerCount = useStore((state) => state.model?.layerCount ?? 0);
  const tokens: HeatToken[] = useMemo(
    () =>
      (row?.tokens ?? []).map(({ text, role }) => ({
        text,
        subject: role !== 'plain',
        position: role === 'lookup' ? 'last subject' : '',
      })),
    [row],
  );
  return (
    <>
      <div className={styles.sentence}>
        <p>
          Press Trace: a cell shows how likely the answer becomes when that one state is put back into a run with the
          subject <Term name="corrupted" />.
        </p>
      </div>
      <KindSwitch grids={gridsOf(kinds, severed)} shown={{ kind: 'hidden', severed: 'none' }} disabled />
      {tokens.length > 0 && layerCount > 0 ? (
        <HeatMap label="" tokens={tokens} layerCount={layerCount} grid={null} corrupted={0} clean={1} band={null} />
      ) : (
        <div className={styles.space} />
      )}
      <div className={styles.tableSpace} />
    </>
  );
}
