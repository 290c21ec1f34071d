const CHECK_SECONDS = 40;

/** What became of a check: null, or why it failed. */
export async function outcome(check) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("takes too long")), CHECK_SECONDS * 1000);
  });
  try {
    await Promise.race([check(), tooLate]);
    return null;
  } catch (error) {
    return error.stack ?? String(error);
  } finally {
    clearTimeout(timer);
  }
}
