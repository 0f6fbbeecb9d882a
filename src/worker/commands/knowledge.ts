/** Facts that ship: which of them the model knows; and the text for its statistics. */
import { enoughTokens } from '../../engine/statistics/second-moment.ts';
import { lengthOfText } from '../../engine/statistics/text-length.ts';
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';
import { estimator } from '../time-left.ts';
import { ASKING, knowledgeView } from '../knowledge-views.ts';

export function knowledgeCommands(host: WorkerHost): Pick<WorkerApi, 'findFacts' | 'knowledge' | 'statisticsText'> {
  return {
    findFacts: (records, onEvent) =>
      host.withModel(async ({ knowledge }, job) => {
        const secondsLeft = estimator();
        await knowledge.find(records, job, (asking, done, total) => {
          onEvent({ stage: ASKING[asking], done, total, secondsLeft: secondsLeft(asking, done, total) });
        });
        return knowledgeView(knowledge);
      }),

    knowledge: () => host.withModel(({ knowledge }) => knowledgeView(knowledge)),

    statisticsText: () =>
      host.withModel(({ statisticsText, tokenizer, model }) => {
        if (!statisticsText) return Promise.resolve(null);
        const { contextLength, intermediateSize } = model.config;
        const { origin, text } = statisticsText;
        const enough = enoughTokens(intermediateSize);
        return Promise.resolve({ origin, ...lengthOfText(text, tokenizer, contextLength), enough });
      }),
  };
}
