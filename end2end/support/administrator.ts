// An administrator: their password, authenticator secret and recovery codes, and the verification codes made from it.

import { codeOf, startOf, stepOf, wrongCode } from './authenticator';
import type { Keystead } from './keystead';

export class Administrator {
  secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
  recoveryCodes: string[] = [];
  private spent = 0;

  constructor(
    private readonly keystead: Keystead,
    public email = 'ada@example.com',
    public password = 'seven quiet otters paint bridges',
  ) {}

  /** Returns a code that was never used. Moves the server's clock to the next time step where necessary. */
  nextCode(): string {
    const step = Math.max(stepOf(this.keystead.clock.now()), this.spent + 1);
    this.keystead.clock.advanceTo(startOf(step));
    this.spent = step;
    return codeOf(this.secret, step);
  }

  /** Returns the code that was used last. */
  usedCode(): string {
    return codeOf(this.secret, this.spent);
  }

  wrongCode(): string {
    return wrongCode(this.secret, stepOf(this.keystead.clock.now()));
  }

  /** Takes the secret of a new authenticator. */
  enrol(secret: string): void {
    this.secret = secret.replace(/\s/g, '');
  }

  /** Creates the administrator on the command line, beside the running server. */
  async create(): Promise<this> {
    const made = await this.keystead.run(
      ['admin', 'create', '--email', this.email, '--stdin'],
      `${this.password}\n${this.secret}\n`,
    );
    if (made.code !== 0) throw new Error(`admin create failed: ${made.err}`);
    this.recoveryCodes = made.out.trim().split('\n').slice(1);
    return this;
  }
}
