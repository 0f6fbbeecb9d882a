/** What the page does, its words and its keys. */
import { glossary } from '../glossary.ts';
import { Modal } from '../shared/Modal.tsx';
import { useStore } from '../store/index.ts';
import { runLabel } from '../store/method.ts';
import styles from './HelpDialog.module.css';

const keys: [keys: string[], what: string][] = [
  [['Ctrl', 'Z'], 'Undo the last change of the history (outside text fields)'],
  [['←', '→'], 'Move between tabs; with ↑ and ↓ over the heat map of a trace'],
  [['?'], 'Open this help'],
  [['Esc'], 'Close a dialog or menu'],
];

export function HelpDialog() {
  const open = useStore((state) => state.helpOpen);
  const setHelpOpen = useStore((state) => state.setHelpOpen);
  const run = useStore(runLabel);
  const runKeys: (typeof keys)[number] = [['Ctrl', 'Enter'], `${run} on the edits`];
  return (
    <Modal
      open={open}
      onOpenChange={setHelpOpen}
      title="What this page does"
      description="It rewrites facts inside a language model, on your own machine."
    >
      <div className={styles.help}>
        <p>
          A language model stores much of what it knows about a subject in its middle layers, and looks it up at the
          subject’s last token. MEMIT (mass-editing memory in a transformer) uses that. For each edit it first seeks the
          hidden state that would make the model say the new object. Then it changes the weights of a few layers just so
          much that this state comes out for your subject, while all other text, known through its statistics, is
          disturbed as little as possible.
        </p>
        <ol className={styles.steps}>
          <li>Write the edits on the left: subject, relation, new object.</li>
          <li>Press Trace at an edit to see where the model recalls the fact, and take over the layers it proposes.</li>
          <li>Press {run} and watch the loss fall.</li>
          <li>See under Result what changed, and what should not have.</li>
          <li>Switch the patch off and on in the History; download the edited weights.</li>
        </ol>
        <h3>Words</h3>
        <dl className={styles.words}>
          {Object.entries(glossary).map(([word, sentence]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{sentence}</dd>
            </div>
          ))}
        </dl>
        <h3>Keys</h3>
        <dl className={styles.words}>
          {[runKeys, ...keys].map(([combination, what]) => (
            <div key={what}>
              <dt>
                {combination.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Modal>
  );
}
