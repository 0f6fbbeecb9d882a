/** How a download goes: bytes, per cent, time left, in all and of the file at hand; and a way to stop it. */
import type { DownloadProgress } from '../../worker/models-api.ts';
import { formatBytes, formatTimeLeft } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import styles from './ModelsDialog.module.css';

/** "123 MB of 548 MB, 22 %, about 40 s left". */
function wholeWords({ loaded, total, secondsLeft }: DownloadProgress): string {
  const percent = Math.floor((100 * loaded) / Math.max(1, total));
  const left = secondsLeft === null ? '' : `, ${formatTimeLeft(secondsLeft)}`;
  return `${formatBytes(loaded)} of ${formatBytes(total)}, ${percent} %${left}`;
}

function fileWords({ stage, file, fileLoaded, fileTotal, reason }: DownloadProgress): string {
  if (stage === 'Waiting') return reason;
  if (file === '') return '';
  const doing = stage === 'Checking' ? 'Checking what is there of ' : '';
  return `${doing}${file}: ${formatBytes(fileLoaded)} of ${formatBytes(fileTotal)}`;
}

export function DownloadStatus() {
  const download = useStore((state) => state.download);
  const cancel = useStore((state) => state.cancelDownload);
  if (!download) return null;
  const { model, progress } = download;
  const known = progress !== null && progress.total > 0;
  const label = `Downloading ${progress?.model ?? model.trim()}`;
  return (
    <div className={styles.download} role="group" aria-label="Download">
      <div className={styles.downloadWords}>
        <strong>{label}</strong>
        <span>{known ? wholeWords(progress) : 'Asking the hub …'}</span>
      </div>
      <Progress label={label} fraction={known ? progress.loaded / progress.total : null} />
      <div className={styles.downloadFoot}>
        <span className={panel.small}>{progress && fileWords(progress)}</span>
        <Button onClick={() => void cancel()} title="Stop; what has come is kept, and the download can go on later">
          Cancel
        </Button>
      </div>
    </div>
  );
}

/** In the header while the dialog is closed: the download, and the way back to it. */
export function DownloadChip() {
  const download = useStore((state) => state.download);
  const failed = useStore((state) => state.downloadFailure !== null);
  const open = useStore((state) => state.modelsOpen);
  const show = useStore((state) => state.showModels);
  if (open || (!download && !failed)) return null;
  const { loaded = 0, total = 0 } = download?.progress ?? {};
  const share = total > 0 ? ` ${Math.floor((100 * loaded) / total)} %` : '';
  return (
    <Button
      icon={download ? 'down' : 'warn'}
      title={download ? `Downloading ${download.model.trim()}` : 'What went wrong, and how to go on'}
      onClick={() => show(true)}
    >
      {download ? `Downloading${share}` : 'Download stopped'}
    </Button>
  );
}
