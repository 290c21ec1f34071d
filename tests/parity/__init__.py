"""The parity table: that each parameter of each method of the official SDKs has an effect.

A proof is a function that uses the SDK against a live server and asserts what a parameter does. It
claims the parameters it proves (`proving`), and the claim is checked in three ways (`test_parity`):

- it has really passed them, with values that are not their defaults, to the SDK (`recording`);
- it fails when one of them is lost on the way to the server, as if the server had ignored it;
- it passes with both kinds of client, of the newest and of the oldest SDK that we serve; of the
  oldest it is left out if the SDK does not have what it claims.

The table itself is read from the SDKs' classes (`surface`): a method or parameter that nothing
proves fails the suite, so a new SDK cannot bring one unnoticed.
"""
