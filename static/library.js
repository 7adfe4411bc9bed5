// The library's pages. Without this script, forms send the same and show the same pages.
