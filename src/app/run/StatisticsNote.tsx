/** Over which text the statistics of layers are computed, how long it is, and how long it should be. */
import { useEffect } from 'react';
import { formatCount } from '../format.ts';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';

export function StatisticsNote() {
  const model = useStore((state) => state.model);
  const text = useStore((state) => state.statisticsText);
  const count = useStore((state) => state.countStatisticsText);
  useEffect(() => {
    if (model) void count();
  }, [model, count]);
  if (!text) return null;
  const { origin, documents, tokens, enough } = text;
  return (
    <p className={panel.small}>
      Statistics that did not come with the model are computed over{' '}
      {origin === 'model' ? (
        'its own text'
      ) : (
        <>
          paragraphs of Wikipedia (
          <a
            className={panel.small}
            href="https://creativecommons.org/licenses/by-sa/4.0/"
            target="_blank"
            rel="noreferrer"
          >
            CC BY-SA 4.0
          </a>
          ), which ship with the page
        </>
      )}
      , once: {formatCount(documents)} documents, about {formatCount(Number(tokens.toPrecision(3)))} tokens. A layer of
      this model should have {formatCount(enough)}
      {tokens < enough && '; with fewer, edits may harm more than they must'}.
    </p>
  );
}
