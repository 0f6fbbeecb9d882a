/** A fact as it is asked for, with the object that is known to be answered. */
export interface KnownFact {
  /** Holds exactly one {} for the subject. */
  readonly prompt: string;
  readonly subject: string;
  readonly object: string;
  /** Of the list of relations; null where it is not known which one the prompt is about. */
  readonly relationId: string | null;
  /** The relation's label, or its id where there is no label. */
  readonly relation: string;
}
