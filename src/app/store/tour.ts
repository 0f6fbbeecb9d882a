/** The tour of a first visit: where it is, and that it was seen. */
import { readTourSeen, writeTourSeen } from './storage.ts';
import type { Column, WorkTab } from './view.ts';
import type { Slice } from './index.ts';

export interface TourStop {
  title: string;
  words: string;
  /** What is shown, and pointed at, meanwhile. */
  column: Column;
  tab: WorkTab;
}

export const TOUR: readonly TourStop[] = [
  {
    title: 'Write what the model should say',
    words:
      'An edit gives a subject in a relation a new object. Each row shows what the model says now; three are filled in.',
    column: 'edits',
    tab: 'run',
  },
  {
    title: 'See where it recalls the fact',
    words:
      'A trace blurs the subject and puts back one state at a time: the bright cells bring the answer back. It proposes the layers to edit.',
    column: 'work',
    tab: 'trace',
  },
  {
    title: 'Run, and watch the edit being made',
    words:
      'Run seeks the state z that makes the model say the new object, then spreads the change over the layers below it.',
    column: 'work',
    tab: 'run',
  },
  {
    title: 'Compare, switch off, take home',
    words:
      'The result holds before against after, paraphrases and neighbours. In the history every run is a patch: switch it off and the model is as it was, or download the weights.',
    column: 'history',
    tab: 'result',
  },
];

export interface TourSlice {
  /** Which stop is shown; null when none is. */
  tourStop: number | null;
  startTour(): void;
  /** Beyond the last one the tour ends. */
  goToStop(stop: number): void;
  endTour(): void;
}

export const createTourSlice: Slice<TourSlice> = (set, get) => {
  function show(stop: number): void {
    const { column, tab } = TOUR[stop];
    set({ tourStop: stop });
    get().showWork(tab);
    get().showColumn(column);
    get().announce(`Tour, ${stop + 1} of ${TOUR.length}: ${TOUR[stop].title}.`);
  }
  return {
    // The first stop is what the page shows by itself.
    tourStop: readTourSeen() ? null : 0,
    startTour() {
      get().setHelpOpen(false);
      show(0);
    },
    goToStop(stop) {
      if (stop >= TOUR.length) get().endTour();
      else show(Math.max(0, stop));
    },
    endTour() {
      writeTourSeen();
      set({ tourStop: null });
    },
  };
};
