/** Small things this browser keeps for a custodian: locked seeds and the last checkpoint seen, in IndexedDB. */

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("sunroad-custody", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("kept");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function within(mode, deed) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction("kept", mode, { durability: "strict" });
      const request = deed(transaction.objectStore("kept"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const recall = (name) => within("readonly", (kept) => kept.get(name));
export const keep = (name, value) => within("readwrite", (kept) => kept.put(value, name));
/** Refuses (by rejecting) when something is kept under the name already. */
export const keepNew = (name, value) => within("readwrite", (kept) => kept.add(value, name));
