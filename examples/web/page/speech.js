// Replies that are read aloud: a sentence at a time, paid by the character as it is asked for; the one that is heard is marked.
import { Player } from "./sdk/sound.js";

/** Puts a text into an element, with a part for each sentence; returns the parts. */
export function inSentences(element, text) {
  const found = new Intl.Segmenter("en", { granularity: "sentence" }).segment(text);
  const parts = [...found].map(({ segment }) => Object.assign(document.createElement("span"), { textContent: segment }));
  element.replaceChildren(...parts);
  return parts;
}

/** What is sent of a part; nothing of one without letters and digits, which no voice speaks. */
const words = (part) => (/[\p{L}\p{N}]/u.test(part.textContent) ? part.textContent.trim() : "");

/** The characters that reading the parts costs. */
export const characters = (parts) => parts.reduce((sum, part) => sum + [...words(part)].length, 0);

/** A reading: begun where the visitor clicks, and stopped by the visitor. */
export class Reading {
  #parts;
  #player = new Player();
  #stopped = false;

  constructor(parts) {
    this.#parts = parts;
  }

  #mark(heard) {
    for (const part of this.#parts) {
      part.classList.toggle("heard", part === heard);
      if (part === heard) part.setAttribute("aria-current", "true");
      else part.removeAttribute("aria-current");
    }
  }

  /** Reads in a session, until the end or `stop`; `onPaid` is called after each sentence. */
  async read(session, onPaid) {
    let last;
    try {
      for (const part of this.#parts.filter(words)) {
        let begun;
        for await (const phrase of session.speak(words(part))) {
          // A sentence that was asked for is spoken and paid; it need not be heard.
          if (this.#stopped) continue;
          const { begins, ends } = this.#player.play(phrase);
          begun ??= begins.then(() => this.#stopped || this.#mark(part));
          last = ends;
        }
        onPaid();
        // The next is asked for once this one is heard: who stops has paid for little more.
        await begun;
        if (this.#stopped) return;
      }
      await last;
    } finally {
      this.#stopped = true;
      this.#mark();
      await this.#player.close();
    }
  }

  stop() {
    this.#stopped = true;
    this.#mark();
    this.#player.stop();
  }
}
