"use strict";
(function () {
  // Only conveniences: the report is complete, and its layers switch, without this script.
  var root = document.documentElement;
  root.classList.add("js");
  var slider = document.getElementById("opacity");
  if (slider) {
    slider.addEventListener("input", function () {
      root.style.setProperty("--heat-opacity", String(Number(slider.value) / 100));
    });
  }
  window.addEventListener("beforeprint", function () {
    var zoom = document.getElementById("zoom");
    if (zoom) { zoom.checked = false; }
  });
})();
