/** The tour of a first visit: four stops, told below the header while the page shows what they are about. */
import { Button } from '../shared/Button.tsx';
import { useStore } from '../store/index.ts';
import { TOUR } from '../store/tour.ts';
import styles from './Tour.module.css';

export function Tour() {
  const stop = useStore((state) => state.tourStop);
  const goToStop = useStore((state) => state.goToStop);
  const endTour = useStore((state) => state.endTour);
  if (stop === null) return null;
  const { title, words } = TOUR[stop];
  const last = stop === TOUR.length - 1;
  return (
    <section className={styles.tour} aria-label="Tour">
      <p className={styles.words}>
        <span className={styles.count}>
          {stop + 1} of {TOUR.length}
        </span>{' '}
        <strong>{title}.</strong> {words}
      </p>
      <div className={styles.buttons}>
        {stop > 0 && <Button onClick={() => goToStop(stop - 1)}>Back</Button>}
        <Button onClick={() => goToStop(stop + 1)}>{last ? 'End the tour' : 'Next'}</Button>
        {!last && (
          <Button variant="quiet" onClick={endTour}>
            Skip the tour
          </Button>
        )}
      </div>
    </section>
  );
}
