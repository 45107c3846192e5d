"""Labels and runs of search: files of TREC and BEIR, parts of a query set, tasks for people and their answers, thumbs as labels."""
