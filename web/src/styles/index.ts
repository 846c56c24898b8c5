// In this order: names, bases, parts. One sheet comes out of it, named with its hash in index.html.
import './tokens.css';
import './base.css';
import './components.css';
