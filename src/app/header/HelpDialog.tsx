/** What the page does, its words and its keys. */
import { useState } from 'react';
import { glossary } from '../glossary.ts';
import { Button } from '../shared/Button.tsx';
import { Modal } from '../shared/Modal.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { runLabel } from '../store/method.ts';
import styles from './HelpDialog.module.css';

const keys: [keys: string[], what: string][] = [
  [['Ctrl', 'Z'], 'Undo the last change of the history (outside text fields)'],
  [['←', '→'], 'Move between tabs; with ↑ and ↓ over the heat map of a trace'],
  [['Alt', '↑ ↓'], 'Move an edit up or down the list'],
  [['Shift', 'Enter'], 'A new line among the prompts that are tried; Enter asks'],
  [['?'], 'Open this help'],
  [['Esc'], 'Close a dialog or menu'],
];

export function HelpDialog() {
  const open = useStore((state) => state.helpOpen);
  const setHelpOpen = useStore((state) => state.setHelpOpen);
  const run = useStore(runLabel);
  const startTour = useStore((state) => state.startTour);
  const [wanted, setWanted] = useState('');
  const has = (...texts: string[]): boolean => texts.join(' ').toLowerCase().includes(wanted.trim().toLowerCase());
  const runKeys: (typeof keys)[number] = [['Ctrl', 'Enter'], `${run} on the edits`];
  const foundKeys = [runKeys, ...keys].filter(([combination, what]) => has(...combination, what));
  const foundWords = Object.entries(glossary).filter(([word, sentence]) => has(word, sentence));
  return (
    <Modal
      open={open}
      onOpenChange={setHelpOpen}
      title="What this page does"
      description="It rewrites facts inside a language model, on your own machine."
    >
      <div className={styles.help}>
        <input
          type="search"
          className={panel.input}
          aria-label="Look in the help"
          placeholder="Look in keys and words"
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
        <p role="status" className={panel.small}>
          {wanted.trim() !== '' && `${foundKeys.length + foundWords.length} found.`}
        </p>
        <h3>Keys</h3>
        <dl className={styles.words}>
          {foundKeys.map(([combination, what]) => (
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
        <h3>How it works</h3>
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
        <div>
          <Button onClick={startTour}>Take the tour</Button>
        </div>
        <h3>Words</h3>
        <dl className={styles.words}>
          {foundWords.map(([word, sentence]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{sentence}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Modal>
  );
}
