// What survives a reload: kept in this browser only, under the name of the study and the rater.
const DATA = JSON.parse(document.getElementById("data").textContent);
const PLACE = `ganzoo-turing-${DATA.study}-${DATA.rater}`;
const store = {
  works: true,
  read() {
    try {
      return JSON.parse(localStorage.getItem(PLACE));
    } catch {
      this.works = false;
      return null;
    }
  },
  write(state) {
    try {
      localStorage.setItem(PLACE, JSON.stringify(state));
    } catch {
      this.works = false;
    }
  },
  remove() {
    try {
      localStorage.removeItem(PLACE);
    } catch {
      this.works = false;
    }
  },
};
